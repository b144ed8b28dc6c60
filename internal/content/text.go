package content

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"rollcall/internal/text"
)

// Text returns a body as UTF-8, without a byte order mark. The charset is
// named by that mark, the Content-Type, or the page itself, in this order, as
// the WHATWG's Encoding and HTML standards have it. A body that says nothing is
// UTF-8, or, where a page or text is not, windows-1252. Text is at most limit
// bytes; cut says that there was more. truncated says that body's end is missing.
func Text(body, contentType string, truncated bool, limit int64) (text string, cut bool) {
	e, name := charset.Lookup(label(body, contentType, truncated))
	if e == nil || name == "utf-8" {
		return strings.TrimPrefix(body, "\ufeff"), false
	}
	r := e.NewDecoder().Reader(strings.NewReader(body))
	var b strings.Builder
	b.Grow(len(body))
	if _, err := io.CopyN(&b, r, limit); err == nil {
		n, _ := io.ReadFull(r, make([]byte, 1))
		cut = n > 0
	}
	return strings.TrimPrefix(b.String(), "\ufeff"), cut
}

var (
	parameter   = text.Pattern(`(?i);\s*charset\s*=\s*["']?\s*([^\s"';,]+)`)
	declaration = text.Pattern(`^(?:\xef\xbb\xbf)?\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)
)

// beginning is how much of a page is searched for its charset.
const beginning = 1024

// label is the charset of a body; "" is UTF-8, or bytes that are not text.
func label(body, contentType string, truncated bool) string {
	for _, mark := range [...]struct{ bytes, label string }{{"\xef\xbb\xbf", "utf-8"}, {"\xfe\xff", "utf-16be"}, {"\xff\xfe", "utf-16le"}} {
		if strings.HasPrefix(body, mark.bytes) {
			return mark.label
		}
	}
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	valid := validUTF8(body, truncated)
	json := strings.HasSuffix(kind, "json")
	if json && valid && !strings.Contains(body, "\x00") { // which UTF-16 has
		return "" // as browsers read it, whatever the header says (RFC 8259, 8.1)
	}
	if found := parameter().FindStringSubmatch(contentType); found != nil {
		if e, _ := charset.Lookup(found[1]); e != nil {
			return found[1]
		}
	}
	start := body[:min(len(body), beginning)]
	xml := strings.HasSuffix(kind, "xml")
	html := kind == "" || kind == "text/html" || kind == "application/xhtml+xml"
	if found := declaration().FindStringSubmatch(start); found != nil && (xml || html) {
		switch e, name := charset.Lookup(found[1]); {
		case strings.HasPrefix(name, "utf-16"): // which is named in ASCII, so it is not
			return "utf-8"
		case e != nil:
			return name
		}
	}
	const fallback = "windows-1252" // which charset has too, and does not tell from a page that says so
	if html {
		if _, name, _ := charset.DetermineEncoding([]byte(start), ""); name != fallback {
			return name
		}
	}
	if valid || !strings.HasPrefix(kind, "text/") && kind != "application/xhtml+xml" {
		return ""
	}
	return fallback
}

// validUTF8 reports whether a body is UTF-8; the last character of a truncated
// one need not be whole.
func validUTF8(body string, truncated bool) bool {
	if truncated {
		for i := len(body) - 1; i >= max(0, len(body)-utf8.UTFMax); i-- {
			if utf8.RuneStart(body[i]) {
				if !utf8.FullRuneInString(body[i:]) {
					body = body[:i]
				}
				break
			}
		}
	}
	return utf8.ValidString(body)
}
