package list

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"slices"
	"strings"

	"rollcall/internal/text"
)

// A table is how the columns of a list of rows are read.
type table struct {
	comma  rune
	header []string // the names of the columns; nil: they have none
	skip   bool     // the first row is a header that does not name url
	url    int      // the column of URLs or hosts; -1: there is none
	wide   bool     // the first row has more than one cell that is not empty
	cut    int      // the line of the first row, if that is longer than what was looked at
}

// columnOfURLs is the name that a header has to have.
const columnOfURLs = "url"

// sampled is how many rows are looked at for the column of URLs.
const sampled = 100

// newTable finds the columns by the beginning of a list. comma 0: what
// separates them is found, too.
func newTable(start []byte, comma rune) table {
	t := table{comma: comma, url: -1}
	if comma == 0 {
		t.comma = separator(start)
	}
	rows := csv.NewReader(bytes.NewReader(start))
	rows.Comma, rows.Comment, rows.FieldsPerRecord, rows.LazyQuotes = t.comma, '#', -1, true
	var sample [][]string
	line := 0 // of the first row
	for len(sample) < sampled {
		row, err := rows.Read()
		if err != nil {
			break
		}
		if sample = append(sample, row); len(sample) == 1 {
			line, _ = rows.FieldPos(0)
		}
	}
	if len(sample) < sampled && len(start) >= MaxLine { // the last one may be cut off
		switch {
		case len(sample) > 1:
			sample = sample[:len(sample)-1]
		case len(sample) == 1 && start[len(start)-1] != '\n':
			t.cut = line
		}
	}
	if len(sample) == 0 {
		return t
	}
	cells := slices.DeleteFunc(slices.Clone(sample[0]), func(cell string) bool { return strings.TrimSpace(cell) == "" })
	t.wide = len(cells) > 1
	for i, name := range sample[0] {
		if strings.EqualFold(strings.TrimSpace(name), columnOfURLs) {
			t.url = i
			for _, name := range sample[0] {
				t.header = append(t.header, strings.TrimSpace(name))
			}
			return t
		}
	}
	for _, is := range []func(string) bool{isURL, isHost} {
		for column := range sample[0] {
			matches := 0
			for _, row := range sample[1:] {
				if column < len(row) && is(row[column]) {
					matches++
				}
			}
			first := is(sample[0][column])
			if 10*matches >= 9*(len(sample)-1) && (first || matches > 0) {
				t.url, t.skip = column, !first
				return t
			}
		}
	}
	return t
}

// separator is what separates the columns of the first row: what is there the
// most often.
func separator(start []byte) rune {
	first := []byte(nil)
	for line := range bytes.Lines(start) {
		if first = bytes.TrimSpace(line); len(first) > 0 && first[0] != '#' {
			break
		}
	}
	best, most := ',', 0
	for _, comma := range ",;\t" {
		if n := bytes.Count(first, []byte(string(comma))); n > most {
			best, most = comma, n
		}
	}
	return best
}

func isURL(cell string) bool {
	return withURL().MatchString(strings.TrimSpace(cell)) && strings.Contains(cell, "://")
}

// plainNumber is one that a browser takes for an address, such as 1.5.
var plainNumber = text.Pattern(`^\d*[.,]?\d*$`)

func isHost(cell string) bool {
	cell = strings.TrimSpace(cell)
	return strings.Contains(cell, ".") && !plainNumber().MatchString(cell) && WithScheme(cell) != ""
}

// rows yields the rows of CSV and of other tables.
func (r *Reader) rows(ctx context.Context, yield func(Entry) bool) {
	start, _ := r.text.Peek(MaxLine)
	comma := rune(0)
	if path.Ext(strings.TrimSuffix(strings.ToLower(r.o.Name), ".gz")) == ".tsv" {
		comma = '\t'
	}
	t := newTable(start, comma)
	if t.cut > 0 {
		yield(Entry{Line: t.cut, Fault: "begins a first row, or header, of more than 64 KiB: a quotation mark may never be closed"})
		return
	}
	if t.url < 0 {
		if len(bytes.TrimSpace(start)) > 0 || len(start) == MaxLine {
			yield(Entry{Line: 1, Fault: "names no column url, and there is no column of URLs or hosts"})
		}
		return
	}
	const most = 1 << 20 // bytes of a row
	within := &bounded{r: r.text, left: most, fault: &Fault{Message: "begins a row of more than 1 MiB: a quotation mark may never be closed"}}
	rows := csv.NewReader(within)
	rows.Comma, rows.Comment, rows.FieldsPerRecord, rows.ReuseRecord = t.comma, '#', -1, true
	line, entries := 0, 0
	for number := 0; ctx.Err() == nil; number++ {
		row, err := rows.Read()
		within.left = most
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			line = wrong.StartLine
			if !yield(Entry{Line: wrong.Line, Fault: "is not CSV: " + wrong.Err.Error()}) {
				return
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(broken(line+1, err))
			return
		}
		line, _ = rows.FieldPos(0)
		if number == 0 && (t.header != nil || t.skip) {
			continue
		}
		if line > MaxLines {
			yield(tooManyLines(line))
			return
		}
		if isBlank(row) {
			continue
		}
		if r.o.Written != nil && t.header != nil {
			t.written(row, r.o.Written)
		}
		if r.o.has(entries) && !yield(t.entry(line, row)) {
			return
		}
		entries++
	}
}

func isBlank(row []string) bool {
	for _, cell := range row {
		if strings.TrimSpace(cell) != "" {
			return false
		}
	}
	return true
}

// written calls note where a row names itself or its group.
func (t *table) written(row []string, note func(name, group []byte, row uint64)) {
	var name, group []byte
	for i, cell := range row[:min(len(row), len(t.header))] {
		switch cell = strings.TrimSpace(cell); {
		case cell == "":
		case strings.EqualFold(t.header[i], "name"):
			name = []byte(cell)
		case strings.EqualFold(t.header[i], "group"):
			group = []byte(cell)
		}
	}
	if name == nil && group == nil {
		return
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for _, cell := range row {
		h.WriteString(strings.TrimSpace(cell))
		h.WriteByte(0)
	}
	note(name, group, h.Sum64())
}

// entry is what a row says that is not blank.
func (t *table) entry(line int, row []string) Entry {
	e := Entry{Line: line}
	if t.header == nil {
		if t.url >= len(row) || strings.TrimSpace(row[t.url]) == "" {
			e.Fault = fmt.Sprintf("has no URL in column %d", t.url+1)
			return e
		}
		e.Text = strings.Clone(strings.TrimSpace(row[t.url]))
		return e
	}
	if len(row) > len(t.header) {
		e.Fault = fmt.Sprintf("has %d columns, and the header %d", len(row), len(t.header))
		return e
	}
	for i, cell := range row {
		if cell = strings.TrimSpace(cell); cell != "" {
			e.Fields = append(e.Fields, Field{t.header[i], cell})
		}
	}
	return e
}
