package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"rollcall/internal/report"
)

// look is how a table has to look on w: the zero value where w is no terminal.
func (s system) look(w io.Writer) report.Look {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return report.Look{}
	}
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 1 {
		width, height = 80, 24
	}
	return report.Look{Width: width, Height: height, Colour: s.colour()}
}

// colour reports whether people want colours (no-color.org) and their terminal
// can have them.
func (s system) colour() bool {
	no, _ := s.lookup("NO_COLOR")
	return no == "" && !s.dumb()
}

// dumb reports whether the terminal can't move its cursor.
func (s system) dumb() bool {
	name, _ := s.lookup("TERM")
	return name == "dumb"
}

// A sink is where results are written: standard output, or a file that each
// result replaces the last one in.
type sink struct {
	out  io.Writer
	file *os.File // nil: out is standard output
	look report.Look
}

// open opens the file, before there is anything to write: a name that is wrong
// should not cost a run.
func (c *checkCommand) open(sys system) (*sink, error) {
	if c.Output == "" {
		return &sink{out: sys.out, look: sys.look(sys.out)}, nil
	}
	file, err := os.Create(c.Output)
	if err != nil {
		return nil, err
	}
	return &sink{out: file, file: file}, nil
}

// write writes one result.
func (s *sink) write(result func(io.Writer) error) error {
	if s.file != nil {
		if info, err := s.file.Stat(); err == nil && info.Mode().IsRegular() {
			if err := s.file.Truncate(0); err != nil {
				return err
			}
			if _, err := s.file.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
	}
	return result(s.out)
}

// Close closes the file, if there is one.
func (s *sink) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
