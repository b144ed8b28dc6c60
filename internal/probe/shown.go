package probe

import (
	"encoding/base64"
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
	return cut(Printable(s), shownURL)
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

// Printable replaces what a terminal, a log or a page could stumble over:
// control and format characters (escapes, changes of direction), other white
// space than the blank, and what is no UTF-8.
func Printable(s string) string {
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

// confided are the strings of a target that nobody may see: header values, the
// body and the query; the words of each, since a server may echo a part; and
// each as it looks in a URL or a host name.
func confided(t *Target) []string {
	var secrets []string
	add := func(s string) {
		words := strings.Fields(s)
		for _, part := range append(words[:min(len(words), mostWords)], s) {
			if len(part) >= leastSecret {
				secrets = append(secrets, part, url.PathEscape(part), url.QueryEscape(part), labelled(part))
			}
		}
	}
	for name, values := range t.Header {
		if slices.Contains(harmless, name) {
			continue
		}
		for _, v := range values {
			add(v)
			add(credentials(v))
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
	return slices.DeleteFunc(secrets, func(s string) bool { return len(s) < leastSecret })
}

// credentials are the user information that a header's value carries (RFC
// 7617), as two words.
func credentials(value string) string {
	encoded, ok := strings.CutPrefix(value, "Basic ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return ""
	}
	return strings.Replace(string(plain), ":", " ", 1)
}

const (
	mostWords   = 50 // of one value, that are looked for on their own
	leastSecret = 4  // shorter ones stand in every second text
	secretStart = 10 // a secret is known by its beginning: a server may cut it
)

// labelled is what can stand in a host name of s.
func labelled(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, s)
}

// scrub replaces whatever of secrets, a target's, stands in s, which came from
// a server that may have echoed them, in upper or lower case, whole or cut.
func scrub(s string, secrets []string) string {
	for _, secret := range secrets {
		s = blot(s, secret)
	}
	return s
}

// blot replaces each word of s that holds a secret's beginning.
func blot(s, secret string) string {
	start := strings.ToLower(secret[:min(len(secret), secretStart)])
	var kept strings.Builder
	for {
		at := indexFold(s, start)
		if at < 0 {
			return kept.String() + s
		}
		kept.WriteString(s[:at] + "…")
		s = s[at:]
		if whole := len(secret); len(s) >= whole && strings.EqualFold(s[:whole], secret) {
			s = s[whole:]
		} else {
			s = s[len(start):]
		}
		s = strings.TrimLeftFunc(s, inWord)
	}
}

// indexFold finds a text of lower case in s, whatever the case of that's
// ASCII letters.
func indexFold(s, lower string) int {
	for i := 0; i+len(lower) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

func inWord(r rune) bool { return !strings.ContainsRune(" /:.?#\"'<>,;&=", r) }
