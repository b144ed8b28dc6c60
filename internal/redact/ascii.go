package redact

import (
	"fmt"
	"strings"
)

// maxInvalid bounds what is shown of a text that is not a URL, in bytes.
const maxInvalid = 255

// InvalidURL returns as much of a text that is not a URL as can be shown: what
// stands before a port, a query or a fragment, without what may be user
// information, in ASCII. Names of targets are made of it, so its form never
// changes.
func InvalidURL(text string) string {
	text = strings.TrimSpace(text)
	scheme, rest, found := strings.Cut(text, "://")
	if !found || scheme == "" || strings.ContainsFunc(scheme, NotInWord) {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	end := strings.IndexAny(rest, "?#")
	if end < 0 {
		end = len(rest)
	}
	shown := scheme + "..." // a query with an @, or a password with a ? or #: nobody knows
	if at := strings.LastIndexByte(rest, '@'); at <= end {
		bare, _, _ := strings.Cut(rest[at+1:end], ":") // a port, or a password whose @ is missing
		bare, _, _ = strings.Cut(bare, ";")            // path parameters
		shown = scheme + ASCII(bare[:min(len(bare), maxInvalid+1)])
	}
	if len(shown) > maxInvalid {
		shown = shown[:maxInvalid-len("...")] + "..."
	}
	return shown
}

// NotInWord reports whether r can't be a part of a name such as that of a variable
// or a scheme, which has letters, digits, "-" and "_" of ASCII.
func NotInWord(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

// ASCII percent-encodes every byte of text that is not printable ASCII, as
// browsers do in queries.
func ASCII(text string) string {
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if !strings.ContainsFunc(text, odd) {
		return text
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		if odd(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
