package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"rollcall/internal/redact"
	"rollcall/internal/text"
)

// byteOrderMark is what some editors put before a text; it means nothing.
const byteOrderMark = "\ufeff"

// A kind is a type of JSON.
type kind uint8

// The kinds. The zero value of a value is absent.
const (
	absent kind = iota
	aNull
	aBoolean
	aNumber
	aString
	anArray
	anObject
)

// String names a kind as problems do: "a string".
func (k kind) String() string {
	return [...]string{"absent", "null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A value is one JSON value of an event, and where it stands.
type value struct {
	path    string  // "urls[3].timeout"; "" is the event itself
	name    string  // of a member of an object
	kind    kind    // absent: the event has no such value
	broken  bool    // text lacks half of a surrogate pair
	text    string  // of a string; of a number as it is written; "true" or "false"
	content []value // the elements of an array, the members of an object
	ps      *problems
}

// readJSON returns the one JSON value that data is, or an absent one and a
// problem with line and column. All paths begin with place. When ctx ends
// before, values are missing.
func readJSON(ctx context.Context, data []byte, place string, ps *problems) value {
	return (&decoder{ctx: ctx, place: place, ps: ps}).document(data, "")
}

// document returns the one JSON value that data is, as readJSON does; path leads to it.
func (d *decoder) document(data []byte, path string) value {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if !utf8.Valid(data) {
		for i, r := range string(data) {
			if r == utf8.RuneError && !bytes.HasPrefix(data[i:], []byte("\ufffd")) {
				d.ps.report(d.position(data, i), "is not valid UTF-8")
				return value{}
			}
		}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		d.ps.report(d.place, "is empty")
		return value{}
	}
	if !json.Valid(data) {
		at := 0
		err := json.Unmarshal(data, new(json.RawMessage))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = max(int(syntax.Offset)-1, 0)
		}
		d.ps.report(d.position(data, at), "%v%s", err, syntaxHint(data, at))
		return value{}
	}
	d.Decoder, d.data, d.line = json.NewDecoder(bytes.NewReader(data)), data, 1
	d.UseNumber()
	return d.value(path, path)
}

// position says where the byte data[at] stands.
func (d *decoder) position(data []byte, at int) string {
	line, column := position(data, at)
	if d.oneLine {
		return fmt.Sprintf("%s, column %d", strings.TrimSuffix(d.place, placeEnd), column)
	}
	return fmt.Sprintf("%sline %d, column %d", d.place, line, column)
}

// syntaxHint says what is probably meant by the byte data[at], which can't stand
// there.
func syntaxHint(data []byte, at int) string {
	before := bytes.TrimSpace(data[:min(at, len(data))])
	rest := string(data[min(at, len(data)):])
	switch last := before[max(len(before)-1, 0):]; {
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "/*"), strings.HasPrefix(rest, "#"):
		return " (JSON has no comments: remove it)"
	case strings.HasPrefix(rest, "'"), strings.HasPrefix(rest, "“"), strings.HasPrefix(rest, "„"):
		return ` (JSON has no other quotation marks than ")`
	case bytes.Equal(last, []byte(",")) && (strings.HasPrefix(rest, "}") || strings.HasPrefix(rest, "]")):
		return " (remove the comma before it)"
	case bytes.Equal(last, []byte(`"`)) && strings.HasPrefix(rest, `"`):
		return " (is a comma missing before it?)"
	}
	return ""
}

// position returns line and column of the byte data[at], both counted from 1,
// columns in characters.
func position(data []byte, at int) (line, column int) {
	before := data[:min(at, len(data))]
	last := before[bytes.LastIndexByte(before, '\n')+1:]
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(last) + 1
}

// A decoder reads values from data, which is known to be valid JSON when it
// does: its errors need no look.
type decoder struct {
	*json.Decoder
	ctx  context.Context
	data []byte
	ps   *problems

	place   string // all paths begin with it
	oneLine bool   // place says in which line data is
	lined   bool   // paths say in which line of data a value is
	line    int    // of the byte data[counted], where lined
	counted int

	part    Part   // of targets, the elements of the root or of its urls; the others are skipped
	whole   *whole // of these; nil: there are no parts
	skipped json.RawMessage
}

// at returns the path that a value has for people, whose token has just been
// read.
func (d *decoder) at(path string) string {
	if !d.lined {
		return d.place + path
	}
	now := int(d.InputOffset())
	d.line += bytes.Count(d.data[d.counted:now], []byte("\n"))
	d.counted = now
	return d.place + "line " + strconv.Itoa(d.line) + placeEnd + path
}

// value returns the next value; path leads to it from the root.
func (d *decoder) value(path, name string) value {
	v := value{name: name, ps: d.ps}
	from := d.InputOffset()
	token, _ := d.Token()
	v.path = d.at(path)
	switch token := token.(type) {
	case nil:
		v.kind = aNull
	case bool:
		v.kind, v.text = aBoolean, strconv.FormatBool(token)
	case json.Number:
		v.kind, v.text = aNumber, token.String()
	case string:
		v.kind, v.text = aString, token
		v.broken = strings.ContainsRune(token, utf8.RuneError) && !paired().Match(d.data[from:d.InputOffset()])
	case json.Delim:
		v.kind = anArray
		if token == '{' {
			v.kind = anObject
		}
		ofTargets := d.whole != nil && v.kind == anArray && (path == "" || path == fieldURLs)
		for i := 0; d.ctx.Err() == nil && d.More(); i++ {
			if ofTargets && i%d.part.Of != d.part.Index {
				_ = d.Decode(&d.skipped)
				d.whole.noteJSON(d.skipped)
				continue
			}
			from := d.InputOffset()
			at, name := path+"["+strconv.Itoa(i)+"]", ""
			if v.kind == anObject {
				token, _ := d.Token()
				name, _ = token.(string)
				at = join(path, name)
			}
			v.content = append(v.content, d.value(at, name))
			if ofTargets {
				d.whole.noteJSON(bytes.TrimLeft(d.data[from:d.InputOffset()], " \t\r\n,"))
			}
		}
		_, _ = d.Token() // the bracket that closes it
	}
	return v
}

// paired matches what stands in a JSON string if it escapes no half of a
// surrogate pair without the other. encoding/json puts U+FFFD in the place of
// one and says nothing. It is compiled when first wanted: hardly ever.
var paired = text.Pattern(`(?is)^([^\\]|\\[^u]|\\u[0-9abcef]|\\ud[0-7]|\\ud[89ab]..\\ud[c-f])*$`)

// join returns the path of an object's member. Of a name only the beginning
// is shown that looks like one: what stands behind it may be a value that
// was put into the wrong place, and values can be secrets.
func join(path, name string) string {
	const most = 64
	end := strings.IndexFunc(name, redact.NotInWord)
	if end < 0 {
		end = len(name)
	}
	shown := name[:min(end, most)]
	if len(shown) < len(name) || name == "" {
		shown += "…"
	}
	if path == "" || strings.HasSuffix(path, placeEnd) {
		return path + shown
	}
	return path + "." + shown
}

// shownName returns the name of an unknown field, of which [join] may show less:
// up to what may be the beginning of a value, such as the colon of
// "Authorization: …".
func shownName(name string) string {
	const most = 64
	if end := strings.IndexAny(name, ":=@?&#{"); end > 0 {
		name = name[:end] + "…"
	}
	if cut := fmt.Sprintf("%.*s", most, name); cut != name {
		name = cut + "…"
	}
	return strconv.Quote(name)
}

func (v value) problem(format string, args ...any) { v.ps.report(v.path, format, args...) }

// require reports whether v is of a kind, and a problem if it is not.
func (v value) require(k kind) bool {
	if v.kind != k {
		v.problem("is %s, not %s", v.kind, k)
		return false
	}
	return true
}

// requireText returns the string that v has to be.
func (v value) requireText() (string, bool) {
	if !v.require(aString) {
		return "", false
	}
	if v.broken {
		v.problem("has half of a surrogate pair, which is not valid Unicode")
		return "", false
	}
	return v.text, true
}

// requireWords returns the string that v has to be, which is more than white
// space.
func (v value) requireWords() (string, bool) {
	s, ok := v.requireText()
	if ok && strings.TrimSpace(s) == "" {
		v.problem("is blank")
		return "", false
	}
	return s, ok
}

// requireObject returns the members of the object that v has to be. One that
// is not known or given twice is a problem.
func (v value) requireObject(known []string) members {
	if !v.require(anObject) {
		return nil
	}
	var all members
	for _, m := range v.content {
		switch {
		case !slices.Contains(known, m.name):
			hint := ""
			if len(*v.ps) < maxListed { // each takes a while
				hint = suggestion(m.name, known)
			}
			if strings.HasSuffix(m.path, "…") {
				m.problem("the field %s is unknown%s", shownName(m.name), hint)
			} else {
				m.problem("is unknown%s", hint)
			}
		case all.get(m.name).kind != absent:
			m.problem("is given twice")
		default:
			all = append(all, m)
		}
	}
	return all
}

// members are those of one object, each name once.
type members []value

// get returns the member of a name; absent: there is none.
func (all members) get(name string) value {
	for i := range all {
		if all[i].name == name {
			return all[i]
		}
	}
	return value{}
}

// plain returns v as encoding/json would have it, numbers as they are written.
func (v value) plain() any {
	switch v.kind {
	case aBoolean:
		return v.text == "true"
	case aNumber:
		return json.Number(v.text)
	case aString:
		return v.text
	case anArray:
		all := make([]any, len(v.content))
		for i, element := range v.content {
			all[i] = element.plain()
		}
		return all
	case anObject:
		all := map[string]any{}
		for _, m := range v.content {
			all[m.name] = m.plain()
		}
		return all
	}
	return nil
}
