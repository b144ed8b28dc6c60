package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// byteOrderMark is what some editors put before a text; it means nothing.
const byteOrderMark = "\ufeff"

// A value is one JSON value of an event and the way to it. One without raw
// is a mere place, to report problems at.
type value struct {
	path string          // "urls[3].timeout"; "" is the event itself
	raw  json.RawMessage // valid JSON without space around it; nil where the event has none
	ps   *problems
}

// A member is one name of an object and what it stands for.
type member struct {
	name string
	value
}

func (v value) problem(format string, args ...any) { v.ps.add(v.path, format, args...) }

func (v value) present() bool { return v.raw != nil }

// readJSON returns the one JSON value that data is, or a value that is not
// present and a problem with line and column.
func readJSON(data []byte, ps *problems) value {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if !utf8.Valid(data) {
		ps.add(position(data, len(validPrefix(data))), "is no valid UTF-8")
		return value{ps: ps}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		ps.add("", "is empty")
		return value{ps: ps}
	}
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		at := 0
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = max(int(syntax.Offset)-1, 0)
		}
		ps.add(position(data, at), "%v", err)
		return value{ps: ps}
	}
	return value{raw: raw, ps: ps}
}

// position says where the byte data[at] stands: "line 3, column 7", both
// counted from 1, columns in characters.
func position(data []byte, at int) string {
	before := data[:min(at, len(data))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return fmt.Sprintf("line %d, column %d", bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(line)+1)
}

// validPrefix returns what stands before the first byte that is no UTF-8.
func validPrefix(data []byte) []byte {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return data[:i]
		}
		i += size
	}
	return data
}

// kind names the JSON type of v.
func (v value) kind() string {
	switch v.raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// must reports whether v is of a kind, and a problem if it is not.
func (v value) must(kind string) bool {
	if got := v.kind(); got != kind {
		v.problem("is %s, not %s", got, kind)
		return false
	}
	return true
}

// members returns the members of an object in their order, each name once.
func (v value) members() []member {
	if !v.must("an object") {
		return nil
	}
	var all []member
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(v.raw)); ; {
		m, err := v.next(dec)
		switch {
		case err != nil:
			v.problem("can't be read: %v", err)
			return nil
		case m == nil:
			return all
		case seen[m.name]:
			m.problem("is given twice")
		default:
			seen[m.name] = true
			all = append(all, *m)
		}
	}
}

// next reads one member of v, or nil at v's end.
func (v value) next(dec *json.Decoder) (*member, error) {
	token, err := dec.Token()
	if token == json.Delim('{') {
		token, err = dec.Token()
	}
	name, isName := token.(string)
	if err != nil || !isName {
		return nil, err
	}
	m := member{name, value{path: join(v.path, name), ps: v.ps}}
	return &m, dec.Decode(&m.raw)
}

// object returns the members of an object by name; one that is not known is
// a problem.
func (v value) object(known []string) map[string]value {
	all := map[string]value{}
	for _, m := range v.members() {
		all[m.name] = m.value
	}
	for _, name := range unknown(all, known) {
		all[name].problem("is unknown%s", suggestion(name, known))
		delete(all, name)
	}
	return all
}

// elements returns the elements of an array.
func (v value) elements() []value {
	var raw []json.RawMessage
	if !v.must("an array") {
		return nil
	}
	if err := json.Unmarshal(v.raw, &raw); err != nil {
		v.problem("can't be read: %v", err)
	}
	all := make([]value, len(raw))
	for i := range raw {
		all[i] = value{v.path + "[" + strconv.Itoa(i) + "]", raw[i], v.ps}
	}
	return all
}

// text returns the string that v is.
func (v value) text() (string, bool) {
	if !v.must("a string") {
		return "", false
	}
	var s string
	if err := json.Unmarshal(v.raw, &s); err != nil {
		v.problem("can't be read: %v", err)
		return "", false
	}
	if strings.ContainsRune(s, utf8.RuneError) && loneSurrogate(v.raw) {
		v.problem("has half of a surrogate pair: it is no valid Unicode")
		return "", false
	}
	return s, true
}

// notBlank returns the string that v is, which has more than white space.
func (v value) notBlank() (string, bool) {
	s, ok := v.text()
	if ok && strings.TrimSpace(s) == "" {
		v.problem("is blank")
		return "", false
	}
	return s, ok
}

// decoded returns v as encoding/json sees it, numbers as they are written.
func (v value) decoded() any {
	var x any
	dec := json.NewDecoder(bytes.NewReader(v.raw))
	dec.UseNumber()
	if err := dec.Decode(&x); err != nil {
		v.problem("can't be read: %v", err)
	}
	return x
}

// loneSurrogate reports whether the JSON string raw escapes one half of a
// surrogate pair without the other. encoding/json puts U+FFFD in its place
// and says nothing.
func loneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		first := escaped(raw[i:])
		if !utf16.IsSurrogate(first) {
			continue
		}
		i += len("uXXXX")
		if raw[i] != '\\' || utf16.DecodeRune(first, escaped(raw[i+1:])) == utf8.RuneError {
			return true
		}
	}
	return false
}

// escaped returns the code unit of an escape without its backslash, uXXXX,
// or 0 if it is another one.
func escaped(raw []byte) rune {
	if raw[0] != 'u' || len(raw) < len("uXXXX") {
		return 0
	}
	n, err := strconv.ParseUint(string(raw[1:5]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// join returns the path of an object's member. Of a name only the beginning
// is shown that looks like one: what stands behind it may be a value that
// was put into the wrong place, and values can be secrets.
func join(path, name string) string {
	const most = 64
	end := strings.IndexFunc(name, notInName)
	if end < 0 {
		end = len(name)
	}
	shown := name[:min(end, most)]
	if len(shown) < len(name) || name == "" {
		shown += "…"
	}
	if path == "" {
		return shown
	}
	return path + "." + shown
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

// unknown returns the names of all that are not known, sorted.
func unknown(all map[string]value, known []string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		return slices.Contains(known, name)
	})
}
