package redact

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
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

// Shown returns u as people may see it: without user information and the slash
// of the bare root, its query as "…", printable and bounded.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	s := u.Scheme + "://" + u.Host + ASCII(cmp.Or(u.RawPath, u.EscapedPath())) // RawPath is what is sent, see package weburl
	if u.Path == "/" && u.RawQuery == "" {
		s = strings.TrimSuffix(s, "/")
	}
	if u.RawQuery != "" {
		s = Cut(s, MaxURL-len("?…")) + "?…"
	}
	return Cut(Printable(s), MaxURL)
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

// publicHeaders hold no secret: they say what kind of thing is sent or wanted.
var publicHeaders = []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent", "Host"}

// Secrets are the strings of one request that nobody may see. They are
// collected when they are first needed: most responses are never quoted.
type Secrets struct {
	header    http.Header
	body      string
	url       *url.URL
	collected bool
	all       []string
}

// SecretsOf returns the secrets of a request: header values, the body and the
// query; the words of each, since a server may echo a part; and each as it
// looks in a URL or a host name.
func SecretsOf(header http.Header, body string, u *url.URL) Secrets {
	return Secrets{header: header, body: body, url: u}
}

// Any reports whether there is a secret.
func (s *Secrets) Any() bool {
	s.collect()
	return len(s.all) > 0
}

// Redact replaces whatever of the secrets stands in text, which came from a
// server that may have echoed them, in upper or lower case, whole or cut.
func (s *Secrets) Redact(text string) string {
	s.collect()
	for _, secret := range s.all {
		text = redactOne(text, secret)
	}
	return text
}

func (s *Secrets) collect() {
	if s.collected {
		return
	}
	s.collected = true
	add := func(text string) {
		words := strings.Fields(text)
		for _, part := range append(words[:min(len(words), mostWords)], text) {
			if len(part) < leastSecret {
				continue
			}
			for _, form := range []string{part, url.PathEscape(part), url.QueryEscape(part), hostLabel(part)} {
				if len(form) >= leastSecret {
					s.all = append(s.all, form)
				}
			}
		}
	}
	for name, values := range s.header {
		if slices.Contains(publicHeaders, name) {
			continue
		}
		for _, v := range values {
			add(v)
			add(credentials(v))
		}
	}
	add(s.body)
	if s.url != nil {
		add(s.url.RawQuery)
		for _, values := range s.url.Query() {
			for _, v := range values {
				add(v)
			}
		}
	}
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

// hostLabel is what can stand in a host name of s.
func hostLabel(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, s)
}

// redactOne replaces each word of s that holds a secret's beginning.
func redactOne(s, secret string) string {
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
