package stage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Event returns a copy of an event that can be run against the stage by
// somebody who may not listen on ports 80 and 443: every URL without a port
// whose host is an origin's gets that origin's port, and such a target without
// a name gets the one that it would have had, so that ports change no name. A
// string becomes an object with "name" and "url" for that. Nothing else is
// touched, not even white space.
//
// The name is host and path, after "http://" where the scheme is that. It is
// the right one for targets whose objects set no field of the request and whose
// URLs have no query: for others, give a name.
func (s *Stage) Event(data []byte) ([]byte, error) {
	if !json.Valid(data) {
		return nil, fmt.Errorf("the event is no JSON")
	}
	top, err := members(data)
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	out := &splicer{src: data}
	for _, m := range top {
		if m.key == "urls" || m.key == "Items" {
			s.restage(out, m.value)
		}
	}
	return out.bytes(), nil
}

// restage rewrites the elements of a list of targets.
func (s *Stage) restage(out *splicer, list span) {
	targets, err := elements(out.src, list)
	if err != nil {
		return // no list: whoever reads the event will say so
	}
	for _, t := range targets {
		switch out.src[t.start] {
		case '"':
			s.restageString(out, t)
		case '{':
			s.restageObject(out, t)
		}
	}
}

func (s *Stage) restageString(out *splicer, t span) {
	if name, ported, ok := s.port(out.text(t)); ok {
		out.replace(t, `{"name": `+quote(name)+`, "url": `+quote(ported)+`}`)
	}
}

func (s *Stage) restageObject(out *splicer, t span) {
	fields, err := membersAt(out.src, t)
	if err != nil {
		return
	}
	named := false
	for _, f := range fields {
		named = named || f.key == "name"
	}
	for _, f := range fields {
		if f.key != "url" || out.src[f.value.start] != '"' {
			continue
		}
		name, ported, ok := s.port(out.text(f.value))
		if !ok {
			continue
		}
		if !named {
			out.replace(span{t.start + 1, t.start + 1}, `"name": `+quote(name)+`, `)
			named = true
		}
		out.replace(f.value, quote(ported))
	}
}

// port adds the stage's port to a URL that has none, and returns the name that
// a target with the URL as it was has. ok is false if the URL is not for the
// stage, or reaches nothing there.
func (s *Stage) port(raw string) (name, ported string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Port() != "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	port, known := s.internet.port(u.Scheme, u.Hostname())
	if !known || port == 0 {
		return "", "", false
	}
	name = canonical(u.Hostname())
	if u.Path != "/" {
		name += u.EscapedPath()
	}
	if u.Scheme == "http" {
		name = "http://" + name
	}
	begin := strings.Index(raw, "//") + 2
	end := begin + len(raw[begin:])
	if i := strings.IndexAny(raw[begin:], "/?#"); i >= 0 {
		end = begin + i
	}
	return name, raw[:end] + ":" + strconv.Itoa(int(port)) + raw[end:], true
}

// A span is a range of bytes.
type span struct{ start, end int }

// A member is a field of a JSON object and where its value stands.
type member struct {
	key   string
	value span
}

// members finds the members of an object that is a whole document.
func members(doc []byte) ([]member, error) { return membersAt(doc, span{0, len(doc)}) }

// membersAt finds the members of the object that stands at a span.
func membersAt(src []byte, at span) ([]member, error) {
	d, err := open(src, at, '{')
	if err != nil {
		return nil, err
	}
	var all []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := nextValue(d, at)
		if err != nil {
			return nil, err
		}
		all = append(all, member{key.(string), value})
	}
	return all, nil
}

// elements finds the elements of the array that stands at a span.
func elements(src []byte, at span) ([]span, error) {
	d, err := open(src, at, '[')
	if err != nil {
		return nil, err
	}
	var all []span
	for d.More() {
		value, err := nextValue(d, at)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, nil
}

// open begins to read the value at a span, which must begin with delim.
func open(src []byte, at span, delim json.Delim) (*json.Decoder, error) {
	d := json.NewDecoder(bytes.NewReader(src[at.start:at.end]))
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if t != delim {
		return nil, fmt.Errorf("%v where %v is expected", t, delim)
	}
	return d, nil
}

// nextValue skips one value and says where in the source it stands.
func nextValue(d *json.Decoder, within span) (span, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return span{}, err
	}
	end := within.start + int(d.InputOffset())
	return span{end - len(raw), end}, nil
}

// A splicer copies a source with some of its spans replaced, from left to right.
type splicer struct {
	src  []byte
	out  bytes.Buffer
	done int // bytes of src that are copied or replaced
}

func (s *splicer) replace(at span, text string) {
	s.out.Write(s.src[s.done:at.start])
	s.out.WriteString(text)
	s.done = at.end
}

// bytes returns the copy; nothing can be replaced afterwards.
func (s *splicer) bytes() []byte {
	s.replace(span{len(s.src), len(s.src)}, "")
	return s.out.Bytes()
}

// text is the JSON string that stands at a span.
func (s *splicer) text(at span) string {
	var text string
	json.Unmarshal(s.src[at.start:at.end], &text) // the document is valid
	return text
}

// quote writes a JSON string and leaves <, > and & as they are.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}
