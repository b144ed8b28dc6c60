package redact

import (
	"cmp"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much people see of a text, in bytes.
const (
	MaxURL    = 300
	MaxDetail = 200
	MaxServer = 40 // of what a server sent
)

// URL returns u as people may see it: without user information and the slash
// of the bare root, its query and the parameters of its path as "…", printable
// and bounded.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	path, parameters := PathParameters(ASCII(cmp.Or(u.RawPath, u.EscapedPath()))) // RawPath is what is sent, see package weburl
	if parameters != "" {
		path += ";…"
	}
	s := u.Scheme + "://" + u.Host + path
	if u.Path == "/" && u.RawQuery == "" {
		s = strings.TrimSuffix(s, "/")
	}
	if u.RawQuery != "" {
		s = Cut(s, MaxURL-len("?…")) + "?…"
	}
	return Cut(Printable(s), MaxURL)
}

// PathParameters cuts an escaped path where its parameters begin (RFC 3986,
// 3.3): some servers put a session's id there.
func PathParameters(path string) (before, parameters string) {
	if at := strings.IndexByte(path, ';'); at >= 0 {
		return path[:at], path[at:]
	}
	return path, ""
}

// Cut shortens s to n bytes, the last of them an ellipsis.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// Printable replaces what a terminal, a log or a page could stumble over:
// control and format characters (escapes, changes of direction), other white
// space than the blank, and what is not UTF-8.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}
