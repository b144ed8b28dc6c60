package plan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"rollcall/internal/list"
	"rollcall/internal/text"
)

// ParseInput reads what a person gives to a program: an event, or a list with
// the built-in defaults, as the options say. An error is an [*InvalidEventError],
// that of r while an event is read, or ctx's.
func ParseInput(ctx context.Context, r io.Reader, o list.Options, in Inputs) (*Plan, error) {
	ps := &problems{}
	source, err := list.Open(r, o)
	if err != nil {
		ps.report(theList, "%v", err)
		return nil, &InvalidEventError{Problems: *ps}
	}
	if !source.Format().Document() {
		l := newTargetList(builtIn(), settingFields(), in, ps)
		l.https, l.hint = o.HTTPS, "use --https, or "
		return l.plan(ctx, l.addEntries(ctx, source, ""))
	}
	root, data, err := readDocument(ctx, source, "", Part{}, nil, ps)
	if errors.Is(err, list.ErrTooLarge) {
		ps.report("", "%v", err)
		return nil, &InvalidEventError{Problems: *ps}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	if root.kind != anArray {
		return parseEvent(ctx, data, root, in, ps)
	}
	l := newTargetList(builtIn(), settingFields(), in, ps)
	l.https, l.hint = o.HTTPS, "use --https, or "
	return l.plan(ctx, l.addArray(ctx, root, ""))
}

// theList is the place of what is wrong with a list that has no name.
const theList = "the list"

// readDocument reads a list that is one value, and returns it as JSON, too. All
// paths begin with place, and say in which line they are where that is YAML or no
// event. What can't be read is an error.
//
// Of a part, with what it knows of the whole, the other targets are left out.
func readDocument(ctx context.Context, source *list.Reader, place string, part Part, of *whole, ps *problems) (value, []byte, error) {
	if of != nil && source.Format() == list.YAML {
		ps.report(cmp.Or(strings.TrimSuffix(place, placeEnd), theList), "is YAML, of which there are no parts (use JSON lines, CSV, text or JSON)")
		return value{}, nil, nil
	}
	data, err := source.Document(ctx)
	if fault, ok := errors.AsType[*list.Fault](err); ok {
		if fault.Line > 0 {
			place += "line " + strconv.Itoa(fault.Line)
		}
		ps.report(cmp.Or(place, theList), "%s", fault.Message)
		return value{}, nil, nil
	}
	if err != nil {
		return value{}, nil, err
	}
	start := bytes.TrimSpace(bytes.TrimPrefix(data[:min(len(data), 1<<10)], []byte(byteOrderMark)))
	d := decoder{ctx: ctx, ps: ps, place: place, part: part, whole: of, lined: source.Format() == list.YAML || bytes.HasPrefix(start, []byte("["))}
	return d.document(data, ""), data, nil
}

// addArray adds the targets of an array; place is the name of its file. Its error
// is ctx's.
func (l *targetList) addArray(ctx context.Context, root value, place string) error {
	l.lines, l.place = true, place
	for _, v := range root.content {
		if ctx.Err() != nil {
			break
		}
		before := len(*l.ps)
		l.add(v)
		l.alike.fold(l.ps, before)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// addEntries adds the targets of a list; place is the name of its file. Its error
// is ctx's.
func (l *targetList) addEntries(ctx context.Context, source *list.Reader, place string) error {
	l.lines, l.place = true, place
	last := ""
	rows := rows{l: l, ctx: ctx, fields: map[string]string{}}
	for e := range source.Entries(ctx) {
		at := "line "
		if of := cmp.Or(e.Of, place); of != "" {
			at = of + ":"
		}
		at += strconv.Itoa(e.Line)
		before := len(*l.ps)
		switch {
		case e.Fault != "":
			l.ps.report(at, "%s", e.Fault)
		case e.JSON != nil:
			d := decoder{ctx: ctx, ps: l.ps, place: at + placeEnd, oneLine: true}
			if v := d.document(e.JSON, ""); v.kind != absent {
				l.add(v)
			}
		case e.Fields != nil:
			l.add(rows.target(at+placeEnd, e.Fields))
		case e.Text == last: // a million times the same costs nothing
		default:
			last = e.Text
			l.add(value{path: at, kind: aString, text: e.Text, ps: l.ps})
		}
		l.alike.fold(l.ps, before)
		if l.full {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, warning := range source.Warnings() {
		if place != "" {
			warning = place + placeEnd + warning
		}
		l.warnings = append(l.warnings, warning)
	}
	l.warnings = append(l.warnings, rows.warnings...)
	return nil
}

// rows reads those of a table as targets.
type rows struct {
	l        *targetList
	ctx      context.Context
	fields   map[string]string // by the name of a column; "" is none, and ignored
	types    map[string]any    // of settings, in their schema; what has no row is a text
	warnings []string
}

// target is what a row says. Empty cells say nothing.
func (c *rows) target(place string, row []list.Field) value {
	target := value{path: place, kind: anObject, ps: c.l.ps}
	for _, cell := range row {
		field, known := c.fields[cell.Name]
		if !known {
			field = c.field(cell.Name)
			c.fields[cell.Name] = field
		}
		if field != "" {
			target.content = append(target.content, c.cell(place, field, cell.Text))
		}
	}
	return target
}

// field returns the field that a column is for, in upper or lower case; "" is
// none. A typo is a problem, all else a warning.
func (c *rows) field(column string) string {
	for _, name := range c.l.names {
		if strings.EqualFold(name, column) {
			return name
		}
	}
	if hint := suggestion(column, c.l.names); hint != "" {
		c.l.ps.report(cmp.Or(c.l.place, theList), "has a column %s, which is not a field of targets%s", quote(column), hint)
	} else if column != "" {
		c.warnings = append(c.warnings, fmt.Sprintf("%s: the column %s is not a field of targets, and is ignored", cmp.Or(c.l.place, theList), quote(column)))
	}
	return ""
}

// cell is what a cell says. For fields of another type than text it is JSON; a
// list may be its only element.
func (c *rows) cell(place, field, content string) value {
	if c.types == nil {
		c.types = map[string]any{}
		for _, f := range c.l.fields {
			c.types[f.name] = f.schema["type"]
		}
	}
	v := value{path: place + field, name: field, kind: aString, text: content, ps: c.l.ps}
	if of, is := c.types[field]; is && of != "string" {
		d := decoder{ctx: c.ctx, ps: &problems{}, place: place}
		if read := d.document([]byte(content), field); read.kind != absent {
			read.own(c.l.ps)
			return read
		}
		if of == "array" {
			v.path += "[0]"
			return value{path: place + field, name: field, kind: anArray, content: []value{v}, ps: c.l.ps}
		}
	}
	return v
}

// own has v and what is in it report to ps.
func (v *value) own(ps *problems) {
	v.ps = ps
	for i := range v.content {
		v.content[i].own(ps)
	}
}

// requireSchemes reports a list in which nothing has a scheme: of a million hosts
// that is one problem.
func (l *targetList) requireSchemes() {
	n := l.seen.texts
	if !l.lines || n == 0 || l.seen.schemeless < n {
		return
	}
	what := "none of " + text.Count(n) + " lines has a scheme"
	if n == 1 {
		what = "its only line has no scheme"
	}
	l.invalid = nil
	l.ps.report(cmp.Or(l.place, theList), "%s: %swrite https:// before each", what, l.hint)
}

// mostAlike is how many problems with the same message are listed of a list.
const mostAlike = 20

// alike folds what is wrong with many entries of a list.
type alike struct {
	kinds map[string]kindred
	more  int // problems that are not listed, beyond maxListed
}

// kindred are the problems of one message: how many, and where the last is that
// is listed.
type kindred struct{ listed, last int }

// fold looks at the problems from before on, and keeps the first of each kind.
func (a *alike) fold(ps *problems, before int) {
	if len(*ps) == before {
		return
	}
	if a.kinds == nil {
		a.kinds = map[string]kindred{}
	}
	kept := (*ps)[:before]
	for _, p := range (*ps)[before:] {
		kind := a.kinds[p.Message]
		switch {
		case kind.listed < mostAlike && len(kept) < maxListed:
			a.kinds[p.Message] = kindred{kind.listed + 1, len(kept)}
			kept = append(kept, p)
		case kind.listed > 0:
			kept[kind.last].Alike++
		default:
			a.more++
		}
	}
	*ps = kept
}
