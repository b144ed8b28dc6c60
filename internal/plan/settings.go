package plan

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"

	"golang.org/x/net/http/httpguts"
)

// The largest values of settings. A run lasts 15 minutes at most, so a longer
// time-out is a mistake; the others keep one target from eating the run.
const (
	maxTimeout   = 15 * time.Minute
	maxRedirects = 50
	maxRetries   = 10
	maxMaxBody   = 64 << 20
)

// builtIn are the settings of a target for which the event says nothing.
func builtIn() *check.Settings {
	return &check.Settings{
		Method:    http.MethodGet,
		Timeout:   10 * time.Second,
		Redirects: 10,
		Retries:   1,
		MaxBody:   1 << 20,
	}
}

// A set lays one field of the event over settings. It replaces what it
// changes and never writes through to settings that were copied.
type set func(*check.Settings)

// A layer is what one object of the event says of settings.
type layer []set

func (l layer) over(s *check.Settings) *check.Settings {
	if len(l) == 0 {
		return s
	}
	laid := *s
	for _, set := range l {
		set(&laid)
	}
	return &laid
}

// A field is one that both a target and the defaults can have.
type field struct {
	name    string
	request bool // it is part of the request: a target's own is part of its derived name
	read    func(value) set
	rule    rule // what its schema is
}

// settingFields returns the table of fields. A read function returns nil if
// there is nothing to set, because of a problem or otherwise.
func settingFields() []field {
	compiled := expressions{}
	return []field{
		{"method", true, readMethod, methodRule},
		{"headers", true, readHeaders, headersRule},
		{"body", true, readBody, anyText("The request's body; takes ${env:NAME}.")},
		{"userAgent", true, readUserAgent, userAgentRule},
		{"timeout", false, readTimeout, timeoutRule},
		{"redirects", false, number(0, maxRedirects, func(s *check.Settings, n int64) { s.Redirects = int(n) }),
			integer("How many are followed; 0: the first answer counts. Default: 10.", 0, maxRedirects)},
		{"retries", false, number(0, maxRetries, func(s *check.Settings, n int64) { s.Retries = int(n) }),
			integer("Confirmations after a failure with a passing cause. Default: 1.", 0, maxRetries)},
		{"maxBody", false, number(1, maxMaxBody, func(s *check.Settings, n int64) { s.MaxBody = n }),
			integer("Bytes of the body that are read. Default: 1 MiB.", 1, maxMaxBody)},
		{"expect", false, compiled.list(func(s *check.Settings, all []check.Condition) { s.Expect = all }),
			expressionsRule("Expressions that must all hold, else down. Default: status >= 200 && status < 300.")},
		{"warn", false, compiled.list(func(s *check.Settings, all []check.Condition) { s.Warn = all }),
			expressionsRule("Expressions that must all hold, else degraded: up, but say so.")},
		{"ip", true, choice(ipVersions, putIP), oneOf("Which addresses are tried. Default: auto.", ipVersions)},
		{"http", true, choice(httpVersions, putHTTP), oneOf("The version of HTTP. Default: 1.1.", httpVersions)},
		{"tls", true, readTLS, tlsRule},
	}
}

// readLayer reads those of an object's members that are settings.
func readLayer(members map[string]value, fields []field) layer {
	var l layer
	for _, f := range fields {
		v, ok := members[f.name]
		if !ok {
			continue
		}
		if set := f.read(v); set != nil {
			l = append(l, set)
		}
	}
	return l
}

func readMethod(v value) set {
	method, ok := v.text()
	switch upper := strings.ToUpper(method); {
	case !ok:
		return nil
	case !httpguts.ValidHeaderFieldName(method): // a method and a field name are both tokens
		v.problem("%s is no HTTP method", quote(method))
		return nil
	case method != upper:
		v.problem("%s is not in upper case (write %s)", quote(method), quote(upper))
		return nil
	case method == http.MethodConnect:
		v.problem("CONNECT asks for a tunnel: it can't be checked")
		return nil
	}
	return func(s *check.Settings) { s.Method = method }
}

func readHeaders(v value) set {
	own := http.Header{}
	for _, m := range v.members() {
		name := http.CanonicalHeaderKey(m.name)
		if problem := headerProblem(name); problem != "" {
			m.problem("%s", problem)
			continue
		}
		if _, twice := own[name]; twice {
			m.problem("is given twice: case is no difference in a header's name")
			continue
		}
		own[name] = []string{readHeaderValue(name, m.value)}
	}
	return headers(own)
}

// headers lays headers beside those that are there.
func headers(own http.Header) set {
	return func(s *check.Settings) {
		all := http.Header{}
		maps.Copy(all, s.Header)
		maps.Copy(all, own)
		s.Header = all
	}
}

// ownHeaders belong to the connection, and so do all that begin as
// proxyHeaders do.
var ownHeaders = []string{"Connection", "Transfer-Encoding", "Content-Length", "Upgrade", "Keep-Alive", "Te", "Trailer"}

const proxyHeaders = "Proxy-"

// headerProblem says what is wrong with the canonical name of a header, or
// returns "".
func headerProblem(name string) string {
	if !httpguts.ValidHeaderFieldName(name) {
		return "is no name of a header"
	}
	if slices.Contains(ownHeaders, name) || strings.HasPrefix(name, proxyHeaders) {
		return "belongs to the connection: Rollcall sets it itself"
	}
	return ""
}

func readHeaderValue(name string, v value) string {
	text, ok := readReferences(v)
	if !ok {
		return ""
	}
	sample, _ := expand(text, anything)
	if !validHeader(name, sample) {
		v.problem("has a value that can't be sent in this header")
	}
	return text
}

// validHeader reports whether text can be the value of a header.
func validHeader(name, text string) bool {
	if name == "Host" && (text == "" || !httpguts.ValidHostHeader(text)) {
		return false
	}
	return httpguts.ValidHeaderFieldValue(text)
}

func readBody(v value) set {
	body, ok := readReferences(v)
	if !ok {
		return nil
	}
	return func(s *check.Settings) { s.Body = body }
}

func readUserAgent(v value) set {
	agent, ok := v.notBlank()
	if !ok {
		return nil
	}
	if !httpguts.ValidHeaderFieldValue(agent) {
		v.problem("has characters that can't be sent in a header")
		return nil
	}
	return func(s *check.Settings) { s.UserAgent = agent }
}

func readTimeout(v value) set {
	text, ok := v.text()
	if !ok {
		return nil
	}
	timeout, err := time.ParseDuration(text)
	if err != nil {
		v.problem("%s is no duration (write 10s or 500ms)", quote(text))
		return nil
	}
	if timeout <= 0 || timeout > maxTimeout {
		v.problem("%s is out of range (above 0s, at most 15m)", quote(text))
		return nil
	}
	return func(s *check.Settings) { s.Timeout = timeout }
}

// number returns how a whole number from least to most is read.
func number(least, most int64, put func(*check.Settings, int64)) func(value) set {
	return func(v value) set {
		if !v.must("a number") {
			return nil
		}
		n, err := strconv.ParseInt(string(v.raw), 10, 64)
		if err != nil && strings.ContainsAny(string(v.raw), ".eE") {
			v.problem("%s is no whole number (write digits only)", abridged(string(v.raw)))
			return nil
		}
		if err != nil || n < least || n > most {
			v.problem("%s is out of range (%d to %d)", abridged(string(v.raw)), least, most)
			return nil
		}
		return func(s *check.Settings) { put(s, n) }
	}
}
