package plan

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// A RawEvent is one that is valid, as it came: with secrets that somebody may
// have written into it. As a text it is what people may see.
type RawEvent []byte

const (
	mostTargets = 20        // that are shown
	mostText    = 16 * 1024 // bytes of the whole
)

// String returns the event without the values of its headers and bodies, and
// its URLs without user information and query; references stay.
// Of long lists it has the first 20 entries, of a long event the first 16 KiB.
func (e RawEvent) String() string {
	root := readJSON(context.Background(), e, "", &problems{})
	var fields []string
	for _, m := range root.content {
		content := ""
		if m.kind == anArray && len(m.content) > 0 && (m.name == fieldURLs || m.name == fieldItems) {
			shown := m.content[:min(len(m.content), mostTargets)]
			content = "[\n    " + joinRedacted(shown, fieldURL, ",\n    ")
			if left := len(m.content) - len(shown); left > 0 {
				content += "\n    … and " + strconv.Itoa(left) + " more"
			}
			content += "\n  ]"
		} else {
			content = redactValue(m, m.name)
		}
		fields = append(fields, strconv.Quote(m.name)+": "+content)
	}
	text := "{\n  " + strings.Join(fields, ",\n  ") + "\n}"
	switch {
	case root.kind == absent:
		return ""
	case len(fields) == 0:
		return "{}"
	case len(text) > mostText:
		return strings.ToValidUTF8(text[:mostText], "") + "…"
	}
	return text
}

// redactValue is a value of a field, on one line.
func redactValue(v value, field string) string {
	switch v.kind {
	case anObject:
		members := make([]string, len(v.content))
		for i, m := range v.content {
			of := m.name
			if field == "headers" {
				of = field
			}
			members[i] = strconv.Quote(m.name) + ": " + redactValue(m, of)
		}
		return "{" + strings.Join(members, ", ") + "}"
	case anArray:
		return "[" + joinRedacted(v.content, field, ", ") + "]"
	case aString:
		text := v.text
		switch field {
		case "headers", "body", fieldClientCertificate, fieldClientKey:
			text = withoutLiterals(text)
		case fieldURL:
			if u, err := weburl.Parse(sheltered(text), nil); err == nil {
				text = asWritten(text, redact.URL(u))
			} else {
				text = "…"
			}
		}
		return strconv.Quote(redact.Printable(text))
	}
	return fmt.Sprint(v.plain())
}

func joinRedacted(all []value, field, separator string) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = redactValue(v, field)
	}
	return strings.Join(texts, separator)
}

// withoutLiterals keeps the references of a text, which say where a secret is
// and not what it is.
func withoutLiterals(text string) string {
	const mark = "\xff" // stands around each reference, and in no text that is UTF-8
	marked, err := expand(text, func(r Reference) (string, error) { return mark + r.String() + mark, nil })
	if err != nil {
		return "…"
	}
	parts := strings.Split(marked, mark)
	for i := 0; i < len(parts); i += 2 {
		if parts[i] != "" {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "")
}
