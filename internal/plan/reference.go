package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/redact"

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
	return !strings.ContainsFunc(s, func(r rune) bool { return r == '-' || redact.NotInWord(r) })
}

// A use is a reference of a target: its field and the variable.
type use struct{ field, name string }

// A request is settings as they are sent.
type request struct {
	settings *check.Settings // as written if there is no reference, or err
	uses     []use           // the references
	err      error           // the first that can't be replaced; names field and variable, never a value
}

// variables are those of the environment. Each is asked for once, so that all
// targets of a plan see the same value.
type variables struct {
	lookup func(name string) (string, bool) // nil: nothing is set
	permit func(name, host string) bool     // nil: nothing is permitted
	known  map[string]*string               // nil: not set
	pairs  keyPairs
}

// resolve replaces the references of settings. Whether they may be used is for
// [variables.refusal] to say, which knows the host.
func (vs *variables) resolve(s *check.Settings) request {
	refers := strings.Contains(s.Body, "${") || s.TLS.ClientCertificate != ""
	for _, values := range s.Header {
		refers = refers || strings.Contains(values[0], "${")
	}
	if !refers {
		return request{settings: s}
	}
	r := request{settings: s}
	sent := *s
	sent.Header = make(http.Header, len(s.Header))
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		before := len(r.uses)
		text := vs.replace("headers."+name, s.Header.Get(name), &r, &sent, nil)
		if len(r.uses) > before {
			sent.Bound = append(sent.Bound, name)
		}
		if r.err == nil && !validHeader(name, text) {
			r.err = fmt.Errorf("headers.%s: invalid header value, once its references are replaced", name)
		}
		sent.Header[name] = []string{text}
	}
	sent.Body = vs.replace("body", s.Body, &r, &sent, nil)
	vs.resolveClient(&r, &sent)
	if r.err == nil {
		r.settings = &sent
	}
	return r
}

// replace returns a field's text with its references replaced, each value
// encoded, and notes them and their values, which are secrets.
func (vs *variables) replace(field, text string, r *request, sent *check.Settings, encode func(string) string) string {
	replaced, err := expand(text, func(name string) (string, error) {
		r.uses = append(r.uses, use{field, name})
		value, err := vs.get(name)
		if err != nil {
			r.err = cmp.Or(r.err, fmt.Errorf("%s: %w", field, err))
			return "", nil // the others count as uses too
		}
		if value != "" && !slices.Contains(sent.Secrets, value) {
			sent.Secrets = append(slices.Clip(sent.Secrets), value)
		}
		if encode != nil {
			value = encode(value)
		}
		return value, nil
	})
	if err != nil {
		r.err = cmp.Or(r.err, fmt.Errorf("%s: %w", field, err))
	}
	return replaced
}

// resolveURL replaces the references of a URL, which it returns with the
// request that it belongs to. They stand in path and query, where a value is
// text and nothing else: what means something in a URL is percent-encoded.
func (vs *variables) resolveURL(text string, written *url.URL, r request) (*url.URL, request) {
	sent := *r.settings
	text, _, _ = strings.Cut(text, "#")
	replaced := vs.replace(fieldURL, text, &r, &sent, percentEncoded)
	u, _, err := readURL(replaced)
	if err == nil && (u.Scheme != written.Scheme || u.Host != written.Host) {
		err = errMisplaced
	}
	if err != nil {
		r.err = cmp.Or(r.err, fmt.Errorf("url: %w", err))
	}
	if r.err == nil {
		r.settings = &sent
	}
	return u, r
}

// percentEncoded encodes all but the unreserved characters of RFC 3986.
func percentEncoded(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

var errMisplaced = errors.New("has a reference before its path (allowed are path and query)")

// misplaced says what is wrong with the references of a URL; nil: nothing.
func misplaced(text string) error {
	text, _, _ = strings.Cut(text, "#")
	_, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if strings.Contains(rest[:end], "${") {
		return errMisplaced
	}
	_, err := expand(text, anything)
	return err
}

// refusal says why a target may not use a reference; nil: it may. Its variables
// must be permitted for each host that the request names: behind one address
// Host and server name decide who gets it.
func (vs *variables) refusal(r request, u *url.URL) error {
	hosts := []string{u.Hostname()}
	if host := r.settings.Header.Get("Host"); host != "" && r.err == nil {
		hosts = append(hosts, (&url.URL{Host: host}).Hostname())
	}
	if name := r.settings.TLS.ServerName; name != "" {
		hosts = append(hosts, name)
	}
	for _, use := range r.uses {
		for _, host := range hosts {
			if !reserved(use.name) && (vs.permit == nil || !vs.permit(use.name, host)) {
				grant := use.name + "@" + host
				return fmt.Errorf("%s: ${env:%s} is not allowed here (ROLLCALL_ENV=%s or --env %s)", use.field, use.name, grant, grant)
			}
		}
	}
	return r.err
}

// validHeader reports whether text can be the value of a header.
func validHeader(name, text string) bool {
	if name == "Host" && (text == "" || !httpguts.ValidHostHeader(text)) {
		return false
	}
	return httpguts.ValidHeaderFieldValue(text)
}

// reservedPrefixes are those of variables that Lambda itself sets: its
// credentials are among them.
var reservedPrefixes = [...]string{"AWS_", "LAMBDA_", "_"}

func reserved(name string) bool {
	return slices.ContainsFunc(reservedPrefixes[:], func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// get returns the value of a variable that is not reserved.
func (vs *variables) get(name string) (string, error) {
	for _, prefix := range reservedPrefixes {
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
