package redact

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	maxText    = 1 << 10 // of a text that is redacted; more than what is shown of any
	maxSource  = 64 << 10
	mostWords  = 50 // of one value, that are looked for on their own
	leastWhole = 4  // shorter ones stand in every second text
	firstBytes = 10 // a secret that an event holds is known by its beginning: a server may cut it
)

// publicHeaders hold no secret that an event itself spells out: they say what
// kind of thing is sent or wanted.
var publicHeaders = []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent", "Host"}

// Secrets are the strings of one request that nobody may see. They are
// collected when they are first needed: most responses are never quoted.
type Secrets struct {
	header     http.Header
	body       string
	url        *url.URL
	references []string
	collected  bool
	beginnings []string  // how texts begin that are redacted up to the end of the word
	values     []*needle // whose parts and encodings are redacted
}

// SecretsOf returns the secrets of a request: the values of its references
// wherever they stand, header values, the body and the query; and the words of
// these, since a server may echo a part.
func SecretsOf(header http.Header, body string, u *url.URL, references []string) Secrets {
	return Secrets{header: header, body: body, url: u, references: references}
}

// Any reports whether there is a secret.
func (s *Secrets) Any() bool {
	s.collect()
	return len(s.beginnings) > 0 || len(s.values) > 0
}

// References reports whether the request holds values of references. What a
// server makes up may then hold one in a form that nobody looks for.
func (s *Secrets) References() bool { return len(s.references) > 0 }

// Redact replaces whatever of the secrets stands in text, which came from a
// server that may have echoed them: whole or cut, in upper or lower case, and
// what is a word of eight characters or more also in parts of eight, as base64,
// in hexadecimal or escaped. It returns at most 1 KiB.
func (s *Secrets) Redact(text string) string {
	s.collect()
	text = text[:min(len(text), maxText)]
	text = redactValues(text, s.values)
	for _, secret := range s.beginnings {
		text = redactBeginning(text, secret)
	}
	return text
}

func (s *Secrets) collect() {
	if s.collected {
		return
	}
	s.collected = true
	for _, value := range s.references {
		s.values = append(s.values, newNeedle(value))
	}
	for name, values := range s.header {
		if slices.Contains(publicHeaders, name) {
			continue
		}
		for _, v := range values {
			s.add(v)
			s.add(credentials(v))
		}
	}
	s.add(s.body)
	if s.url != nil {
		s.add(s.url.RawQuery)
		for _, values := range s.url.Query() {
			for _, v := range values {
				s.add(v)
			}
		}
	}
}

// add adds a text that an event spells out, and its words. Of a long one it
// looks at the first 64 KiB.
func (s *Secrets) add(text string) {
	text = text[:min(len(text), maxSource)]
	var parts []string
	for word := range strings.FieldsSeq(text) {
		if parts = append(parts, word[:min(len(word), maxText)]); len(parts) == mostWords {
			break
		}
	}
	for _, part := range append(parts, text[:min(len(text), maxText)]) {
		if len(part) < leastWhole {
			continue
		}
		for _, form := range []string{part, url.PathEscape(part), url.QueryEscape(part), hostLabel(part)} {
			if len(form) >= leastWhole && !slices.Contains(s.beginnings, form) {
				s.beginnings = append(s.beginnings, form)
			}
		}
	}
	words := strings.FieldsFunc(text[:min(len(text), maxText)], func(r rune) bool {
		return !(r == '-' || r == '_' || r == '+' || r > unicode.MaxASCII || unicode.IsLetter(r) || unicode.IsDigit(r))
	})
	for _, word := range words[:min(len(words), mostWords)] {
		if len(word) >= leastPart && !s.isPublic(word) {
			s.values = append(s.values, newNeedle(word))
		}
	}
}

// isPublic reports whether a word stands in the URL where everybody may see
// it, as in the value of Origin or Referer.
func (s *Secrets) isPublic(word string) bool {
	return s.url != nil && strings.Contains(strings.ToLower(s.url.Host+s.url.Path), strings.ToLower(word))
}

// credentials are the user information that a header's value carries (RFC
// 7617), as two words.
func credentials(value string) string {
	scheme, encoded, _ := strings.Cut(value, " ")
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return ""
	}
	return strings.Replace(string(plain), ":", " ", 1)
}

// hostLabel is what can stand in a host name of s.
func hostLabel(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, s)
}

// redactBeginning replaces each word of s that holds a secret's beginning.
func redactBeginning(s, secret string) string {
	start := strings.ToLower(secret[:min(len(secret), firstBytes)])
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
