package plan

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"rollcall/internal/check"

	"golang.org/x/net/http/httpguts"
)

// anything stands for the value of each reference, where only the text
// around them is looked at.
func anything(string) (string, error) { return "x", nil }

// requireReferences returns the string that v has to be, with references that
// are well formed.
func requireReferences(v value) (string, bool) {
	text, ok := v.requireText()
	if !ok {
		return "", false
	}
	if _, err := expand(text, anything); err != nil {
		v.problem("%v", err)
		return "", false
	}
	return text, true
}

// expand puts values in the place of references. ${env:NAME} becomes what
// variable returns for NAME, $${ a plain ${; any other ${ is an error. No
// error quotes the text.
func expand(text string, variable func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			out.WriteString(text)
			return out.String(), nil
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			out.WriteString(plain + "${")
			text = after
			continue
		}
		name, rest, err := reference(after)
		if err != nil {
			return "", err
		}
		resolved, err := variable(name)
		if err != nil {
			return "", err
		}
		out.WriteString(before + resolved)
		text = rest
	}
}

// reference reads what stands behind a ${: the name of a variable and the
// text that follows its brace.
func reference(after string) (name, rest string, err error) {
	inner, rest, closed := strings.Cut(after, "}")
	kind, name, typed := strings.Cut(inner, ":")
	if !closed || !typed || !isWord(kind) {
		return "", "", errors.New("has a ${ that does not begin a reference (write ${env:NAME}, or $${ for a plain ${)")
	}
	if kind != "env" {
		return "", "", fmt.Errorf("has a ${%s:…}, which is not supported (write ${env:NAME}, or $${ for a plain ${)", kind)
	}
	if !isWord(name) {
		return "", "", errors.New("has an ${env:…} without a variable's name (letters, digits and _)")
	}
	return name, rest, nil
}

// isWord reports whether s can be a kind of reference or the name of an
// environment variable: at most 128 letters, digits and underscores, no
// digit first.
func isWord(s string) bool {
	if s == "" || len(s) > 128 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r == '-' || notInName(r) })
}

// variables are those of the environment. Each is asked for once, so that all
// targets of a plan see the same value.
type variables struct {
	lookup func(name string) (string, bool) // nil: nothing is set
	known  map[string]*string               // nil: not set
	pairs  keyPairs
}

// resolve returns settings as they are sent: s itself if it has no
// reference. An error names the field and the variable, never a value.
func (vs *variables) resolve(s *check.Settings) (*check.Settings, error) {
	refers := strings.Contains(s.Body, "${") || s.TLS.ClientCertificate != ""
	for _, values := range s.Header {
		refers = refers || strings.Contains(values[0], "${")
	}
	if !refers {
		return s, nil
	}
	sent := *s
	sent.Header = make(http.Header, len(s.Header))
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		text, err := expand(s.Header.Get(name), vs.get)
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
		if !validHeader(name, text) {
			return nil, fmt.Errorf("headers.%s: invalid header value, once its references are replaced", name)
		}
		sent.Header[name] = []string{text}
	}
	body, err := expand(s.Body, vs.get)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	sent.Body = body
	if err := vs.resolveClient(&sent.TLS); err != nil {
		return nil, err
	}
	return &sent, nil
}

// validHeader reports whether text can be the value of a header.
func validHeader(name, text string) bool {
	if name == "Host" && (text == "" || !httpguts.ValidHostHeader(text)) {
		return false
	}
	return httpguts.ValidHeaderFieldValue(text)
}

// get returns the value of a variable, unless Lambda itself sets it: its
// credentials are among those.
func (vs *variables) get(name string) (string, error) {
	for _, prefix := range [...]string{"AWS_", "LAMBDA_", "_"} {
		if strings.HasPrefix(name, prefix) {
			return "", fmt.Errorf("${env:%s} is refused: an event cannot read variables that begin with %s", name, prefix)
		}
	}
	known, asked := vs.known[name]
	if !asked && vs.lookup != nil {
		if text, ok := vs.lookup(name); ok {
			known = &text
		}
	}
	vs.known[name] = known
	if known == nil {
		return "", fmt.Errorf("${env:%s} is not set", name)
	}
	return *known, nil
}
