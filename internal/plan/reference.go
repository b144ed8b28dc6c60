package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"

	"golang.org/x/net/http/httpguts"
)

// A Kind is a place where values are kept that references name.
type Kind string

// The kinds.
const (
	Env       Kind = "env"            // variables of the environment
	Parameter Kind = "ssm"            // parameters of Systems Manager
	Secret    Kind = "secretsmanager" // secrets of Secrets Manager
)

// grants returns the variable and the flag with which an operator allows
// references of a kind.
func (k Kind) grants() (variable, flag string) {
	switch k {
	case Parameter:
		return "ROLLCALL_PARAMETERS", "--parameter"
	case Secret:
		return "ROLLCALL_SECRETS", "--secret"
	}
	return "ROLLCALL_ENV", "--env"
}

// A Reference names a value that is kept elsewhere.
type Reference struct {
	Kind Kind
	Name string // of the variable, the parameter or the secret; of the last two an ARN, too
	Part string // of a parameter its version or label, of a secret a member of the JSON object that it holds; "": none
}

// String returns the reference as it is written.
func (r Reference) String() string {
	part := r.Part
	switch {
	case part == "":
	case r.Kind == Secret:
		part = "#" + part
	default:
		part = ":" + part
	}
	return "${" + string(r.Kind) + ":" + r.Name + part + "}"
}

// A Value is what a reference stands for.
type Value struct {
	Text    string
	Fetched time.Time // zero: there is no value
	Err     error     // why it can't be had, or not in its present state, in words that hold no secret
}

// A Values function returns the value of each reference, none of which is to a
// variable of the environment. They were fetched after an instant, where that
// can be done; where it can't, an older one may come with the error.
type Values func(ctx context.Context, references []Reference, after time.Time) []Value

// valueAge is how old a value may be that a run begins with.
const valueAge = 5 * time.Minute

// anything stands for the value of each reference, where only the text
// around them is looked at.
func anything(Reference) (string, error) { return "x", nil }

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

// expand puts values in the place of references: each becomes what get returns
// for it, $${ a plain ${; any other ${ is an error. No error quotes the text.
func expand(text string, get func(Reference) (string, error)) (string, error) {
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
		r, rest, err := readReference(after)
		if err != nil {
			return "", err
		}
		value, err := get(r)
		if err != nil {
			return "", err
		}
		out.WriteString(before + value)
		text = rest
	}
}

const howToRefer = "write ${env:NAME}, ${ssm:/NAME} or ${secretsmanager:NAME}, or $${ for a plain ${"

// readReference reads what stands behind a ${, and returns the text that follows
// its brace, too.
func readReference(after string) (r Reference, rest string, err error) {
	inner, rest, closed := strings.Cut(after, "}")
	kind, name, typed := strings.Cut(inner, ":")
	if !closed || !typed || !isWord(kind) {
		return r, "", errors.New("has a ${ that does not begin a reference (" + howToRefer + ")")
	}
	r = Reference{Kind: Kind(kind), Name: name}
	switch r.Kind {
	case Env:
		if !isWord(name) {
			return r, "", errors.New("has an ${env:…} without a variable's name (letters, digits and _)")
		}
	case Parameter:
		if colon := strings.LastIndexByte(name, ':'); colon >= 0 && (!isARN(name) || strings.Count(name, ":") > arnColons) {
			r.Name, r.Part = name[:colon], name[colon+1:]
		}
		if !isParameter(r.Name) || r.Part == "" && strings.HasSuffix(name, ":") || !isParameter("/"+r.Part) || strings.Contains(r.Part, "/") {
			return r, "", errors.New("has an ${ssm:…} without a parameter's name (${ssm:/NAME}, or ${ssm:/NAME:VERSION} with a version or a label)")
		}
	case Secret:
		var has bool
		r.Name, r.Part, has = strings.Cut(name, "#")
		if !isSecret(r.Name) || has && r.Part == "" {
			return r, "", errors.New("has a ${secretsmanager:…} without a secret's name (${secretsmanager:NAME}, or ${secretsmanager:NAME#KEY} for a member of a JSON object)")
		}
	default:
		return r, "", fmt.Errorf("has a ${%s:…}, which is not supported (%s)", kind, howToRefer)
	}
	return r, rest, nil
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

// arnColons is how many colons the ARN of a parameter has before its version.
const arnColons = 5

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") }

// isParameter and isSecret report whether s has the characters and the length of
// a name, or an ARN of one (Systems Manager API, PutParameter; Secrets Manager
// API, CreateSecret). That there is no .. in a path is for those in URLs.
func isParameter(s string) bool { return isOf(s, "_.-/") && !strings.Contains(s, "/..") }

func isSecret(s string) bool { return isOf(s, "/_+=.@-") }

func isOf(s, punctuation string) bool {
	const longest = 2048
	if isARN(s) {
		punctuation += ":"
	}
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune(punctuation, r)
	})
}

// A use is a reference of a target, and its field.
type use struct {
	field     string
	reference Reference
}

// A request is settings as they are sent.
type request struct {
	settings *check.Settings // as written if there is no reference, or err
	uses     []use           // the references
	err      error           // the first that can't be replaced; names field and reference, never a value
}

// A written target is one with references, before they are replaced.
type written struct {
	index    int    // in the plan's targets
	number   int    // of all that were added
	path     string // where it stands
	object   bool   // it is an object, not a text
	url      string // as a target's, before references are replaced
	settings *check.Settings
	text     string // of the URL, where that has references; else ""
}

// beforeReferences is what a plan says without its references.
type beforeReferences struct {
	warnings []string
	invalid  []invalidTarget
}

// unread has a value for each reference, where none is sent.
func unread(_ context.Context, references []Reference, _ time.Time) []Value {
	return slices.Repeat([]Value{{Text: "x", Fetched: time.Now()}}, len(references))
}

// refers reports whether settings have references.
func refers(s *check.Settings) bool {
	found := strings.Contains(s.Body, "${") || s.TLS.ClientCertificate != ""
	for _, values := range s.Header {
		found = found || strings.Contains(values[0], "${")
	}
	return found
}

// Resolved returns the plan with the values that its references have now.
// [Parse] has done that once; a program that keeps a plan does it before each
// run.
func (p *Plan) Resolved(ctx context.Context) *Plan {
	q := *p
	invalid := slices.Clone(p.before.invalid)
	q.Warnings = slices.Clone(p.before.warnings)
	if len(p.written) > 0 {
		q.Targets = slices.Clone(p.Targets)
	}
	vs := &variables{in: p.in, started: time.Now(), known: map[Reference]Value{}, pairs: keyPairs{}}
	q.Warnings = append(q.Warnings, vs.fetch(ctx, p.written)...)
	for _, w := range p.written {
		t := vs.resolved(p.Targets[w.index], w)
		if q.Targets[w.index] = t; t.Invalid != "" {
			invalid = noteInvalid(invalid, w.number, w.path, w.object, t.Invalid)
		}
	}
	slices.SortStableFunc(invalid, func(a, b invalidTarget) int { return cmp.Compare(a.number, b.number) })
	q.Invalid = nil
	for _, t := range invalid {
		q.Invalid = append(q.Invalid, t.Problem)
	}
	if vs.unencrypted != "" {
		q.Warnings = append(q.Warnings, "the values of references are sent over http, unencrypted: "+quote(vs.unencrypted)+" is the first such target")
	}
	return &q
}

// variables are the values of references. Each is asked for once, so that all
// targets of a plan see the same value.
type variables struct {
	in      Inputs
	started time.Time
	known   map[Reference]Value
	pairs   keyPairs

	unencrypted string // the first target whose references are sent over http; "": none

	last    *check.Settings // that requests were made of: most targets share the defaults
	request request
}

// fetch gets the values of those references that some target may use, and
// returns warnings.
func (vs *variables) fetch(ctx context.Context, all []written) []string {
	var wanted []Reference
	var last *check.Settings
	var shared []use
	for _, w := range all {
		if w.settings != last {
			last, shared = w.settings, usesOf(w.settings)
		}
		uses := shared
		if w.text != "" {
			expand(w.text, func(r Reference) (string, error) { uses = append(slices.Clip(uses), use{fieldURL, r}); return "", nil })
		}
		for _, use := range uses {
			_, known := vs.known[use.reference]
			if use.reference.Kind != Env && !known && vs.refused(use, hosts(weburl.Parsed(w.url), w.settings)) == nil {
				vs.known[use.reference] = Value{}
				wanted = append(wanted, use.reference)
			}
		}
	}
	if len(wanted) == 0 || vs.in.Values == nil {
		return nil
	}
	var warnings []string
	for i, v := range vs.in.Values(ctx, wanted, vs.started.Add(-valueAge)) {
		vs.known[wanted[i]] = v
		if v.Err != nil && !v.Fetched.IsZero() {
			warnings = append(warnings, fmt.Sprintf("the value of %s is that of %s: %v", wanted[i], v.Fetched.UTC().Format(time.RFC3339), v.Err))
		}
	}
	return warnings
}

// usesOf returns the references of settings.
func usesOf(s *check.Settings) []use {
	var uses []use
	note := func(field, text string) {
		expand(text, func(r Reference) (string, error) { uses = append(uses, use{field, r}); return "", nil })
	}
	for _, name := range slices.Sorted(maps.Keys(s.Header)) {
		note("headers."+name, s.Header.Get(name))
	}
	note("body", s.Body)
	note("tls."+fieldClientCertificate, s.TLS.ClientCertificate)
	note("tls."+fieldClientKey, s.TLS.ClientKey)
	return uses
}

// resolved returns a target with its references replaced, or invalid.
func (vs *variables) resolved(t check.Target, w written) check.Target {
	if w.settings != vs.last {
		vs.last, vs.request = w.settings, vs.resolve(w.settings)
	}
	r := vs.request
	u := weburl.Parsed(w.url)
	t.URL, t.Invalid, t.Refresh = w.url, "", nil
	if w.text != "" {
		t.URL, r = vs.resolveURL(w.text, u, r)
	}
	t.Settings = r.settings
	if err := vs.refusal(r, u); err != nil {
		t.Settings, t.URL, t.Invalid = w.settings, "", err.Error()
		return t
	}
	if len(r.uses) > 0 && u.Scheme == "http" {
		vs.unencrypted = cmp.Or(vs.unencrypted, t.Name)
	}
	t.Refresh = vs.refresh(t, w, r.uses)
	return t
}

// refresh returns a target's Refresh: nil if all of its values were fetched for
// this plan.
func (vs *variables) refresh(t check.Target, w written, uses []use) func(context.Context) (check.Target, bool) {
	var cached []Reference
	var after time.Time
	for _, use := range uses {
		v, fetched := vs.known[use.reference]
		if use.reference.Kind == Env || !fetched || !v.Fetched.Before(vs.started) || slices.Contains(cached, use.reference) {
			continue
		}
		cached = append(cached, use.reference)
		if v.Fetched.After(after) {
			after = v.Fetched
		}
	}
	if len(cached) == 0 {
		return nil
	}
	known := vs.known // of a plan that is complete: it is only read
	return func(ctx context.Context) (check.Target, bool) {
		fresh := variables{in: vs.in, started: vs.started, known: map[Reference]Value{}, pairs: keyPairs{}}
		for _, use := range uses {
			fresh.known[use.reference] = known[use.reference]
		}
		changed := false
		old := []string{} // the server may still echo them
		for i, v := range vs.in.Values(ctx, cached, after) {
			if was := known[cached[i]]; !v.Fetched.IsZero() && v.Text != was.Text {
				changed = true
				fresh.known[cached[i]] = v
				old = append(old, was.Text)
			}
		}
		if !changed {
			return check.Target{}, false
		}
		sent := fresh.resolved(t, w)
		if sent.Invalid != "" {
			return check.Target{}, false
		}
		settings := *sent.Settings
		settings.Secrets = append(slices.Clip(settings.Secrets), old...)
		sent.Settings, sent.Refresh = &settings, nil
		return sent, true
	}
}

// resolve replaces the references of settings. Whether they may be used is for
// [variables.refusal] to say, which knows the host.
func (vs *variables) resolve(s *check.Settings) request {
	if !refers(s) {
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
	replaced, err := expand(text, func(reference Reference) (string, error) {
		r.uses = append(slices.Clip(r.uses), use{field, reference})
		value, err := vs.get(reference)
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
func (vs *variables) resolveURL(text string, written *url.URL, r request) (string, request) {
	sent := *r.settings
	replaced := vs.replace(fieldURL, withoutFragment(text), &r, &sent, percentEncoded)
	u, _, err := readURL(replaced)
	if err == nil && (u.Scheme != written.Scheme || u.Host != written.Host) {
		err = errMisplaced
	}
	if err != nil {
		r.err = cmp.Or(r.err, fmt.Errorf("url: %w", err))
	}
	if r.err != nil {
		return "", r
	}
	r.settings = &sent
	return weburl.String(u), r
}

// percentEncoded encodes all but the unreserved characters of RFC 3986.
func percentEncoded(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

var errMisplaced = errors.New("has a reference before its path (allowed are path and query)")

// misplaced says what is wrong with the references of a URL; nil: nothing.
func misplaced(text string) error {
	text = withoutFragment(text)
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

// withoutFragment returns a URL's text up to its fragment. A # within a
// reference begins none.
func withoutFragment(text string) string {
	end := 0
	for {
		next := strings.IndexAny(text[end:], "#$")
		if next < 0 {
			return text
		}
		end += next
		after, begins := strings.CutPrefix(text[end:], "${")
		switch {
		case text[end] == '#':
			return text[:end]
		case strings.HasPrefix(text[end:], "$${"):
			end += len("$${")
		case begins:
			end += len("${")
			if _, rest, err := readReference(after); err == nil {
				end = len(text) - len(rest)
			}
		default:
			end++
		}
	}
}

// sheltered returns a URL's text without its fragment and with the # of
// references percent-encoded: as URLs are read.
func sheltered(text string) string {
	text = withoutFragment(text)
	return strings.ReplaceAll(text, "#", "%23")
}

// hosts are those that a request names, as far as the settings say without the
// values of references: behind one address Host and server name decide who gets
// it.
func hosts(u *url.URL, s *check.Settings) []string {
	all := []string{u.Hostname()}
	if host := s.Header.Get("Host"); host != "" && !strings.Contains(host, "${") {
		all = append(all, (&url.URL{Host: host}).Hostname())
	}
	if s.TLS.ServerName != "" {
		all = append(all, s.TLS.ServerName)
	}
	return all
}

// refusal says why a target may not use a reference; nil: it may. Its references
// must be permitted for each host that the request names.
func (vs *variables) refusal(r request, u *url.URL) error {
	named := hosts(u, r.settings)
	for _, use := range r.uses {
		if err := vs.refused(use, named); err != nil {
			return err
		}
	}
	return r.err
}

// refused says why a reference may not be used for hosts; nil: it may.
func (vs *variables) refused(u use, named []string) error {
	r := u.reference
	for _, host := range named {
		if !(r.Kind == Env && reserved(r.Name)) && (vs.in.Permit == nil || !vs.in.Permit(r, host)) {
			grant := r.Name + "@" + host
			variable, flag := r.Kind.grants()
			return fmt.Errorf("%s: %s is not allowed here (%s=%s or %s %s)", u.field, r, variable, grant, flag, grant)
		}
	}
	return nil
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

// get returns the value of a reference.
func (vs *variables) get(r Reference) (string, error) {
	v, asked := vs.known[r]
	switch {
	case r.Kind != Env:
		if v.Fetched.IsZero() {
			return "", fmt.Errorf("%s can't be read: %w", r, cmp.Or(v.Err, errNoValues))
		}
		return v.Text, nil
	case !asked:
		v = vs.look(r)
		vs.known[r] = v
	}
	return v.Text, v.Err
}

var errNoValues = errors.New("parameters and secrets are not read here")

// look looks into the environment, except for what is reserved.
func (vs *variables) look(r Reference) Value {
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(r.Name, prefix) {
			return Value{Err: fmt.Errorf("%s is refused: an event cannot read variables that begin with %s", r, prefix)}
		}
	}
	if vs.in.Lookup != nil {
		if text, set := vs.in.Lookup(r.Name); set {
			return Value{Text: text}
		}
	}
	return Value{Err: fmt.Errorf("%s is not set", r)}
}
