package plan

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"rollcall/internal/redact"
)

// Shown is an event that is valid, as it came: with secrets that somebody may
// have written into it. As a text it is what people may see.
type Shown []byte

const (
	mostShown = 20        // elements of a list
	mostText  = 16 * 1024 // bytes of the whole
)

// String returns the event without the values of its headers and bodies, and
// its URLs without user information and query; references to variables stay.
// Of long lists it has the first 20 entries, of a long event the first 16 KiB.
func (e Shown) String() string {
	root := readJSON(e, &problems{})
	if !root.present() {
		return ""
	}
	var b strings.Builder
	for i, m := range root.members() {
		b.WriteString(separator(i, "{\n  ", ",\n  ") + strconv.Quote(m.name) + ": ")
		if m.kind() == "an array" && (m.name == fieldURLs || m.name == fieldItems) {
			listed(&b, m.value)
		} else {
			shown(&b, m.value, m.name)
		}
	}
	text := b.String() + "\n}"
	if b.Len() == 0 {
		text = "{}"
	}
	if len(text) > mostText {
		text = strings.ToValidUTF8(text[:mostText], "") + "…"
	}
	return text
}

func separator(i int, first, others string) string {
	if i == 0 {
		return first
	}
	return others
}

// listed writes the targets, a line each.
func listed(b *strings.Builder, v value) {
	all := v.elements()
	for i, element := range all[:min(len(all), mostShown)] {
		b.WriteString(separator(i, "[\n    ", ",\n    "))
		shown(b, element, fieldURL)
	}
	switch left := len(all) - mostShown; {
	case len(all) == 0:
		b.WriteString("[]")
	case left > 0:
		b.WriteString("\n    … and " + strconv.Itoa(left) + " more\n  ]")
	default:
		b.WriteString("\n  ]")
	}
}

// shown writes one value, which belongs to a field, on one line.
func shown(b *strings.Builder, v value, field string) {
	switch v.kind() {
	case "an object":
		b.WriteByte('{')
		for i, m := range v.members() {
			b.WriteString(separator(i, "", ", ") + strconv.Quote(m.name) + ": ")
			of := m.name
			if field == "headers" {
				of = field
			}
			shown(b, m.value, of)
		}
		b.WriteByte('}')
	case "an array":
		b.WriteByte('[')
		for i, element := range v.elements() {
			b.WriteString(separator(i, "", ", "))
			shown(b, element, field)
		}
		b.WriteByte(']')
	case "a string":
		b.WriteString(quotedShown(v, field))
	default:
		b.Write(v.raw)
	}
}

// quotedShown is a field's text as people may see it.
func quotedShown(v value, field string) string {
	var text string
	if err := json.Unmarshal(v.raw, &text); err != nil {
		return `"…"`
	}
	switch field {
	case "headers", "body":
		text = withoutLiterals(text)
	case fieldURL:
		text = urlShown(text)
	}
	return strconv.Quote(redact.Printable(text))
}

// written matches a reference, and one that is none because of its second $. It
// is made when first wanted: most runs show no event.
var written = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$?\$\{(env|ssm|secretsmanager):[^}]*\}`)
})

// withoutLiterals keeps the references of a text, which say where a secret is
// and not what it is.
func withoutLiterals(text string) string {
	var b strings.Builder
	literal := false
	from := 0
	for _, at := range append(written().FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		reference := text[at[0]:at[1]]
		literal = literal || at[0] > from || strings.HasPrefix(reference, "$$")
		from = at[1]
		if strings.HasPrefix(reference, "$$") {
			continue
		}
		if literal {
			b.WriteString("…")
		}
		b.WriteString(reference)
		literal = false
	}
	return b.String()
}

// urlShown is a URL without what may be a secret in it.
func urlShown(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "…"
	}
	return redact.URL(u)
}
