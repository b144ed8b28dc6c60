package probe

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	shownURL    = 300 // bytes of a URL that people see
	shownDetail = 200 // bytes of a detail
	shownServer = 40  // bytes of what a server sent
)

// Shown returns u as people may see it: without user information and the slash
// of the bare root, its query as "…", printable and bounded.
func Shown(u *url.URL) string {
	if u == nil {
		return ""
	}
	s := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.Path == "/" && u.RawQuery == "" {
		s = strings.TrimSuffix(s, "/")
	}
	if u.RawQuery != "" {
		s = cut(s, shownURL-len("?…")) + "?…"
	}
	return cut(printable(s), shownURL)
}

// cut shortens s to n bytes, the last of them an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// printable replaces what a terminal, a log or a page could stumble over:
// control and format characters (escapes, changes of direction), other white
// space than the blank, and what is no UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// harmless headers hold no secret: they say what kind of thing is sent or
// wanted.
var harmless = []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent", "Host"}

// confided are the strings of a target that nobody may see: header values,
// the body, the query; and the words of each, since a server may echo a part.
func confided(t *Target) []string {
	var secrets []string
	add := func(s string) {
		for _, part := range append(strings.Fields(s), s) {
			if len(part) >= 4 {
				secrets = append(secrets, part, url.PathEscape(part), url.QueryEscape(part))
			}
		}
	}
	for name, values := range t.Header {
		if slices.Contains(harmless, name) {
			continue
		}
		for _, v := range values {
			add(v)
		}
	}
	add(t.Body)
	if t.URL != nil {
		add(t.URL.RawQuery)
		for _, values := range t.URL.Query() {
			for _, v := range values {
				add(v)
			}
		}
	}
	return secrets
}

// scrub replaces whatever of the target's secrets stands in s, which came from
// a server that may have echoed them.
func scrub(s string, t *Target) string {
	for _, secret := range confided(t) {
		s = strings.ReplaceAll(s, secret, "…")
	}
	return s
}
