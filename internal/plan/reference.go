package plan

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"rollcall/internal/check"
)

// anything stands for the value of each reference, where only the text
// around them is looked at.
func anything(string) (string, error) { return "x", nil }

// readReferences returns the string that v is, whose references are well
// formed.
func readReferences(v value) (string, bool) {
	text, ok := v.text()
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
		return "", "", errors.New("has a ${ that begins no reference (write ${env:NAME}, or $${ for a plain ${)")
	}
	switch kind {
	case "env":
		if !isWord(name) {
			return "", "", errors.New("has an ${env:…} without a variable's name (letters, digits and _)")
		}
		return name, rest, nil
	case "ssm", "secretsmanager":
		return "", "", fmt.Errorf("has a ${%s:…}, which is not supported yet (use ${env:NAME})", kind)
	}
	return "", "", fmt.Errorf("has a ${%s:…}, which is no known reference (write ${env:NAME}, or $${ for a plain ${)", kind)
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

// A resolver puts values in the place of settings' references. It asks for
// each variable once, so that all targets of a plan see the same value.
type resolver struct {
	lookup func(name string) (string, bool) // nil: nothing is set
	known  map[string]variable
}

// A variable is what the environment holds under a name, or why an event is
// not given it.
type variable struct {
	value string
	err   error
}

// resolve returns settings as they are sent: s itself if it has no
// reference. An error names the field and the variable, never a value.
func (r *resolver) resolve(s *check.Settings) (*check.Settings, error) {
	if !hasReference(s) {
		return s, nil
	}
	sent := *s
	sent.Header = make(http.Header, len(s.Header))
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		text, err := expand(s.Header.Get(name), r.variable)
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
		if !validHeader(name, text) {
			return nil, fmt.Errorf("headers.%s: the value that its references give can't be sent in this header", name)
		}
		sent.Header[name] = []string{text}
	}
	body, err := expand(s.Body, r.variable)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	sent.Body = body
	return &sent, nil
}

func hasReference(s *check.Settings) bool {
	for _, values := range s.Header {
		if strings.Contains(values[0], "${") {
			return true
		}
	}
	return strings.Contains(s.Body, "${")
}

func (r *resolver) variable(name string) (string, error) {
	if known, ok := r.known[name]; ok {
		return known.value, known.err
	}
	var v variable
	if v.err = refused(name); v.err == nil {
		v = r.ask(name)
	}
	r.known[name] = v
	return v.value, v.err
}

// refused returns an error for a variable that Lambda itself sets, its
// credentials among them.
func refused(name string) error {
	for _, prefix := range [...]string{"AWS_", "LAMBDA_", "_"} {
		if strings.HasPrefix(name, prefix) {
			return fmt.Errorf("${env:%s} is refused: an event is not given variables that begin with %s", name, prefix)
		}
	}
	return nil
}

func (r *resolver) ask(name string) variable {
	if r.lookup != nil {
		if text, ok := r.lookup(name); ok {
			return variable{value: text}
		}
	}
	return variable{err: fmt.Errorf("${env:%s} is not set", name)}
}
