package list

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"

	"rollcall/internal/text"
)

// lines yields the entries of text and of lines of JSON.
func (r *Reader) lines(ctx context.Context, yield func(Entry) bool) {
	number := 0 // of the next entry
	for line := 1; ctx.Err() == nil; line++ {
		text, err := r.text.ReadSlice('\n')
		if len(text) > 0 && line > MaxLines {
			yield(tooManyLines(line))
			return
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) && ctx.Err() == nil {
				_, err = r.text.ReadSlice('\n')
			}
			if !yield(Entry{Line: line, Fault: "is longer than 64 KiB"}) {
				return
			}
			text = nil
		}
		if len(text) > 0 {
			e := Entry{Line: line}
			said := []byte(nil)
			if r.format == JSONLines {
				said = bytes.TrimSpace(text)
				e.JSON = said
			} else {
				said = entry(text)
			}
			if len(said) > 0 {
				if r.format == JSONLines && r.o.Written != nil {
					if name, group := Written(said); name != nil || group != nil {
						r.o.Written(name, group, maphash.Bytes(seed, said))
					}
				}
				if r.o.has(number) {
					if r.format != JSONLines {
						e.Text = string(said)
					}
					if !yield(e) {
						return
					}
				}
				number++
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			if len(text) > 0 {
				line++
			}
			yield(broken(line, err))
			return
		}
	}
}

// broken is the entry at which reading has failed.
func broken(line int, err error) Entry {
	if f, ok := errors.AsType[*Fault](err); ok {
		return Entry{Line: line, Fault: f.Message}
	}
	return Entry{Line: line, Fault: "can't be read: " + plain(err)}
}

// entry returns what a line says, without a comment and white space.
func entry(line []byte) []byte {
	if line[0] == '#' {
		return nil
	}
	line, _, _ = bytes.Cut(line, []byte(" #")) // any other # is part of a URL
	line, _, _ = bytes.Cut(line, []byte("\t#"))
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] == 'h' { // as nearly all begin
		return line
	}
	return unquoted(listMark().ReplaceAll(line, nil))
}

// listMark is what stands before an entry of a list in a document.
var listMark = text.Pattern(`^([-*+•·]|\d+[.)])[ \t]+`)

// quotations are the marks that stand around what is quoted.
var quotations = [][2]string{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"<", ">"}}

// unquoted returns a URL without the quotation marks and the comma that it has
// in code and in JSON. What has more than that stays as it is.
func unquoted(line []byte) []byte {
	for _, q := range quotations {
		inner, begins := bytes.CutPrefix(line, []byte(q[0]))
		inner, ends := bytes.CutSuffix(bytes.TrimRight(inner, ",; "), []byte(q[1]))
		if begins && ends && !bytes.ContainsAny(inner, "\"'“”<>, \t") {
			return inner
		}
	}
	return line
}
