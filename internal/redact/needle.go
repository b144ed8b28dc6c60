package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// leastPart is how much of a value gives it away, in bytes. Of a shorter value
// only the whole is looked for.
const leastPart = 8

// A dress is a form in which a value can stand in a text. Both are folded to
// the same bytes before they are compared; what folds to 0 is left out, so that
// no separator hides anything.
type dress struct {
	fold   func(byte) byte
	window int // how many bytes of that form leastPart bytes of the value make
}

// The dresses: as it is, its letters and digits alone (also backwards), base64
// (either alphabet), hexadecimal.
var dresses = [...]dress{
	{foldCase, leastPart},
	{foldWord, leastPart},
	{foldBase64, leastPart * 8 / 6},
	{foldHex, leastPart * 2},
}

func foldCase(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 'a'
	case c == '+': // as forms have it
		return ' '
	case c == 0: // which is for what is left out
		return 1
	}
	return c
}

func foldWord(c byte) byte {
	c = foldCase(c)
	if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf {
		return c
	}
	return 0
}

func foldBase64(c byte) byte {
	switch c {
	case '+', '-':
		return '+'
	case '/', '_':
		return '/'
	}
	return foldWord(c)
}

func foldHex(c byte) byte {
	c = foldCase(c)
	if 'a' <= c && c <= 'f' || '0' <= c && c <= '9' {
		return c
	}
	return 0
}

// A needle is a value that is looked for, folded for each dress. Base64 comes
// three times: what stands before a value moves its bits.
type needle struct {
	forms [len(dresses)][]string
	short bool // only the whole counts
	tiny  bool // and only where it stands alone
}

func newNeedle(value string) *needle {
	n := &needle{short: len(value) < leastPart, tiny: len(value) < leastWhole}
	add := func(d int, form string) {
		if form = folded(form, dresses[d].fold); form != "" && (n.short || len(form) >= dresses[d].window) {
			n.forms[d] = append(n.forms[d], form)
		}
	}
	add(0, value)
	if !n.short {
		add(1, value)
		backwards := []byte(value)
		slices.Reverse(backwards)
		add(1, string(backwards))
	}
	if n.tiny {
		return n
	}
	add(3, hex.EncodeToString([]byte(value)))
	for before := range 3 {
		if n.short && before > 0 {
			break
		}
		bits := 8 * (before + len(value))
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, before), value...))
		first, end := (8*before+5)/6, bits/6 // the characters that are the value's alone
		if n.short {
			end = (bits + 5) / 6
		}
		add(2, encoded[first:end])
	}
	return n
}

func folded(text string, fold func(byte) byte) string {
	kept := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := fold(text[i]); c != 0 {
			kept = append(kept, c)
		}
	}
	return string(kept)
}

// A view is a text in another form; each of its bytes knows what it stands for
// in the text.
type view struct {
	text     []byte
	from, to []int
}

func (v *view) add(c byte, from, to int) {
	v.text, v.from, v.to = append(v.text, c), append(v.from, from), append(v.to, to)
}

func (v *view) fold(fold func(byte) byte) *view {
	f := view{make([]byte, 0, len(v.text)), make([]int, 0, len(v.text)), make([]int, 0, len(v.text))}
	for i, c := range v.text {
		if c = fold(c); c != 0 {
			f.add(c, v.from[i], v.to[i])
		}
	}
	return &f
}

// redactValues replaces each word of text in which a part of a value stands.
func redactValues(text string, values []*needle) string {
	if len(values) == 0 || text == "" {
		return text
	}
	seen := make([]bool, len(text))
	v := &view{}
	for i := range len(text) {
		v.add(text[i], i, i+1)
	}
	for range 4 { // what is escaped may be escaped again
		for d := range dresses {
			v.fold(dresses[d].fold).mark(d, values, seen)
		}
		if !bytes.ContainsAny(v.text, escapes) {
			break
		}
		v = v.unescape()
	}
	return withoutWords(text, seen)
}

var seed = maphash.MakeSeed()

// mark sets seen for the bytes of the text in which a value is found.
func (v *view) mark(d int, values []*needle, seen []bool) {
	window := dresses[d].window
	parts := make(map[uint64]bool, len(v.text)) // of the view, hashed: true if a value has it
	for i := 0; i+window <= len(v.text); i++ {
		parts[maphash.Bytes(seed, v.text[i:i+window])] = false
	}
	for _, n := range values {
		for _, form := range n.forms[d] {
			if n.short {
				v.markWhole(form, n.tiny, seen)
				continue
			}
			for i := 0; i+window <= len(form); i++ {
				part := maphash.String(seed, form[i:i+window])
				if _, there := parts[part]; there {
					parts[part] = true
				}
			}
		}
	}
	for i := 0; i+window <= len(v.text); i++ {
		if parts[maphash.Bytes(seed, v.text[i:i+window])] {
			v.set(i, i+window, seen)
		}
	}
}

// markWhole is mark for a value of which only the whole counts.
func (v *view) markWhole(form string, alone bool, seen []bool) {
	text := string(v.text)
	for at := 0; ; {
		i := strings.Index(text[at:], form)
		if i < 0 {
			return
		}
		from, to := at+i, at+i+len(form)
		if !alone || (from == 0 || foldWord(text[from-1]) == 0) && (to == len(text) || foldWord(text[to]) == 0) {
			v.set(from, to, seen)
		}
		at = from + 1
	}
}

func (v *view) set(from, to int, seen []bool) {
	for i := v.from[from]; i < v.to[to-1]; i++ {
		seen[i] = true
	}
}

// unescape undoes one layer of the escapes of URLs, JSON and HTML.
func (v *view) unescape() *view {
	u := &view{}
	for i := 0; i < len(v.text); {
		c, n := v.text[i], 1
		if strings.IndexByte(escapes, c) >= 0 {
			c, n = unescape(string(v.text[i:min(i+longestEscape, len(v.text))]))
		}
		u.add(c, v.from[i], v.to[i+n-1])
		i += n
	}
	return u
}

const (
	escapes       = `%\&` // how they begin
	longestEscape = len("&#x000000;")
)

var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// unescape returns the byte that text begins with, and how many bytes of it
// that takes.
func unescape(text string) (byte, int) {
	number := func(digits string, base int) (byte, bool) {
		n, err := strconv.ParseUint(digits, base, 8)
		return byte(n), err == nil
	}
	switch {
	case text[0] == '%' && len(text) >= 3:
		if c, ok := number(text[1:3], 16); ok {
			return c, 3
		}
	case text[0] == '\\' && len(text) >= 2:
		for _, form := range []struct {
			prefix string
			length int
		}{{`\x`, 4}, {`\u00`, 6}} {
			if strings.HasPrefix(text, form.prefix) && len(text) >= form.length {
				if c, ok := number(text[form.length-2:form.length], 16); ok {
					return c, form.length
				}
			}
		}
		if at := strings.IndexByte("ntr", text[1]); at >= 0 {
			return "\n\t\r"[at], 2
		}
		return text[1], 2
	case text[0] == '&':
		name, _, ended := strings.Cut(text[1:], ";")
		if c, known := entities[name]; ended && known {
			return c, len(name) + 2
		}
		digits, base := strings.TrimPrefix(name, "#"), 10
		if strings.HasPrefix(strings.ToLower(digits), "x") {
			digits, base = digits[1:], 16
		}
		if c, ok := number(digits, base); ended && ok && strings.HasPrefix(name, "#") {
			return c, len(name) + 2
		}
	}
	return text[0], 1
}

// withoutWords replaces the words of text of which bytes were seen.
func withoutWords(text string, seen []bool) string {
	for at := 0; at < len(text); at++ {
		from, hit := at, false
		for ; at < len(text) && inWord(rune(text[at])); at++ {
			hit = hit || seen[at]
		}
		for i := from; hit && i < at; i++ {
			seen[i] = true
		}
	}
	var kept strings.Builder
	for i := range len(text) {
		switch {
		case !seen[i]:
			kept.WriteByte(text[i])
		case i == 0 || !seen[i-1]:
			kept.WriteString("…")
		}
	}
	return kept.String()
}
