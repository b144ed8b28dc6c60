package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"rollcall/internal/report"
)

// look is how a table has to look on w: the zero value if w is not a terminal.
func (s system) look(w io.Writer) report.Look {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return report.Look{}
	}
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 1 {
		width, height = 80, 24
	}
	noColour, _ := s.lookup("NO_COLOR") // no-color.org
	return report.Look{Width: width, Height: height, Colour: noColour == "" && !s.dumb()}
}

// dumb reports whether the terminal can't move its cursor.
func (s system) dumb() bool {
	name, _ := s.lookup("TERM")
	return name == "dumb"
}

// An output is where results are written: standard output, or a file in which
// each result replaces the last one.
type output struct {
	w    io.Writer
	file *os.File // nil: w is standard output
	look report.Look
}

// openOutput opens the file before there is anything to write: a wrong name
// should not cost a run. Without a name it is standard output.
func openOutput(name string, sys system) (*output, error) {
	if _, closed := sys.out.(*closedOutput); closed && name == "" {
		return nil, errClosed
	}
	if name == "" {
		return &output{w: sys.out, look: sys.look(sys.out)}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &output{w: file, file: file}, nil
}

// write writes one result.
func (o *output) write(result func(io.Writer) error) error {
	if o.file != nil {
		if info, err := o.file.Stat(); err == nil && info.Mode().IsRegular() {
			if err := o.file.Truncate(0); err != nil {
				return err
			}
			if _, err := o.file.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
	}
	return result(o.w)
}

// Close closes the file, if there is one.
func (o *output) Close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}
