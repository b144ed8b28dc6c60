package plan

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
	"rollcall/internal/guard"

	"golang.org/x/net/http/httpguts"
)

// The largest values of settings. A run lasts 15 minutes at most, so a longer
// timeout is a mistake; the others keep one target from using up the run.
const (
	maxTimeout     = 15 * time.Minute
	maxRedirects   = 50
	maxRetries     = 10
	maxMaxBody     = 64 << 20
	maxExpressions = 50
	maxDifferent   = 250_000 // bytes of an event's different expressions; each takes 100 to 200 bytes of memory
	maxPerHost     = 10_000  // more than are ever in flight
)

// A field is a row of a table by which objects are read and their schema is
// made.
type field[T any] struct {
	name   string
	schema schema
	// lay lays a value over what was there. That may share all it points to with
	// others: what lay changes it replaces.
	lay func(value, *T)
}

// A setting is a field of settings.
type setting = field[check.Settings]

func fieldNames[T any](fields []field[T]) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return all
}

// settingFields returns the table of what both a target and the defaults can
// have. Each plan has one of its own: its equal expressions are one, which
// saves memory and makes equal targets equal.
func settingFields() []setting {
	compiled := &compiledExpressions{bySource: map[string]*expect.Expression{}}
	return []setting{
		{"method", schema{
			"description": "The request's method, in upper case. Default: GET.", "type": "string",
			"examples": []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
			"pattern":  methodPattern, "allOf": []schema{{"not": schema{"const": http.MethodConnect}}},
		}, readMethod},
		{"headers", headersSchema(), readHeaders},
		{"body", textSchema("The request's body; takes ${env:NAME}.").with(schema{"allOf": []schema{{"$ref": "#/$defs/references"}}}), func(v value, s *check.Settings) {
			s.Body, _ = requireReferences(v)
		}},
		{"userAgent", wordsSchema("Who we say we are: a browser's name, or any text. Default: rollcall/<version>.").with(schema{
			"examples": []string{"chrome", "firefox", "safari", "edge"},
			"pattern":  userAgentPattern,
		}), func(v value, s *check.Settings) {
			var ok bool
			if s.UserAgent, ok = v.requireWords(); ok && !httpguts.ValidHeaderFieldValue(s.UserAgent) {
				v.problem("invalid header value")
			}
		}},
		{"timeout", durationSchema("From the lookup to the last byte of the body, one attempt; at most 15m. Default: 10s.").with(schema{
			"allOf": []schema{without(noDuration)},
		}), readTimeout},
		integer("redirects", "How many are followed; 0: the first response counts. Default: 10.", 0, maxRedirects,
			func(s *check.Settings, n int64) { s.Redirects = int(n) }),
		integer("retries", "Confirmations after a failure with a retryable cause. Default: 1.", 0, maxRetries,
			func(s *check.Settings, n int64) { s.Retries = int(n) }),
		integer("maxBody", "Bytes of the body that are read. Default: 1 MiB.", 1, maxMaxBody,
			func(s *check.Settings, n int64) { s.MaxBody = n }),
		{"cookies", schema{
			"description": "Send the cookies that servers set along with the redirects of the same attempt. Default: true.", "type": "boolean",
		}, func(v value, s *check.Settings) {
			s.NoCookies = v.require(aBoolean) && v.text == "false"
		}},
		expressions("expect", "Expressions that must all hold, else down. Default: status >= 200 && status < 300.", compiled,
			func(s *check.Settings, all []check.Condition) { s.Expect = all }),
		expressions("warn", "Expressions that must all hold, else degraded: up, but say so.", compiled,
			func(s *check.Settings, all []check.Condition) { s.Warn = all }),
		choice("ip", "Which addresses are tried. Default: auto.", []string{check.AnyIP: "auto", check.IPv4: "4", check.IPv6: "6"},
			func(s *check.Settings, i int) { s.IP = check.IPVersion(i) }),
		choice("http", "The version of HTTP. Default: 1.1.", []string{check.HTTP1: "1.1", check.HTTP2: "2", check.AnyHTTP: "auto"},
			func(s *check.Settings, i int) { s.HTTP = check.HTTPVersion(i) }),
		{"tls", objectSchema(tlsFields(), schema{}).with(schema{
			"description": "How TLS is spoken; members are laid over those of the defaults.",
			"dependentRequired": schema{
				fieldClientCertificate: []string{fieldClientKey}, fieldClientKey: []string{fieldClientCertificate},
			},
		}), readTLS},
		{"public", schema{"description": "Shown on the status page, without its URL. Default: false.", "type": "boolean"}, func(v value, s *check.Settings) {
			s.Public = v.require(aBoolean) && v.text == "true"
		}},
		{fieldAlert, alertSchema(), readAlert},
	}
}

// tlsFields are the members of tls.
func tlsFields() []setting {
	return append([]setting{
		{"serverName", wordsSchema("The name that is asked for and that the certificate must be for. Default: the URL's host."), readServerName},
		{"insecureSkipVerify", schema{
			"description": "Take any certificate; the result says tlsUnverified. Default: false.", "type": "boolean",
		}, func(v value, s *check.Settings) {
			s.TLS.InsecureSkipVerify = v.require(aBoolean) && v.text == "true"
		}},
		choice("minVersion", "The least version of TLS. Default: 1.2.", []string{"1.0", "1.1", "1.2", "1.3"},
			func(s *check.Settings, i int) { s.TLS.MinVersion = tls.VersionTLS10 + uint16(i) }), // its versions are consecutive
		choice("cipherSuites", "legacy adds those that clients have given up, as a minVersion below 1.2 does. Default: default.", []string{"default", "legacy"},
			func(s *check.Settings, i int) { s.TLS.LegacyCiphers = i == 1 }),
	}, clientFields()...)
}

// overlay returns settings with what an object says laid over them: s itself
// if it says nothing of any.
func overlay(s *check.Settings, own members, fields []setting) *check.Settings {
	if own == nil {
		return s // as most targets of a long list
	}
	laid := s
	for _, f := range fields {
		v := own.get(f.name)
		if v.kind == absent {
			continue
		}
		if laid == s {
			copied := *s
			laid = &copied
		}
		f.lay(v, laid)
	}
	return laid
}

// integer is a field that holds a whole number.
func integer(name, description string, least, most int64, put func(*check.Settings, int64)) setting {
	s := schema{"description": description, "type": "integer", "minimum": least, "maximum": most}
	return setting{name, s, func(v value, s *check.Settings) {
		if n, ok := v.requireInteger(least, most); ok {
			put(s, n)
		}
	}}
}

// requireInteger returns a whole number from least to most; what is none is a
// problem.
func (v value) requireInteger(least, most int64) (int64, bool) {
	if !v.require(aNumber) {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil && strings.ContainsAny(v.text, ".eE") {
		v.problem("%.64s is not an integer (write digits only)", v.text)
		return 0, false
	}
	if err != nil || n < least || n > most {
		v.problem("%.64s is out of range (%d to %d)", v.text, least, most)
		return 0, false
	}
	return n, true
}

// choice is a field that holds one of a few texts; choices[i] stands for the
// value i.
func choice(name, description string, choices []string, put func(*check.Settings, int)) setting {
	s := schema{"description": description, "type": "string", "enum": choices}
	return setting{name, s, func(v value, s *check.Settings) {
		text, ok := v.requireText()
		if !ok {
			return
		}
		i := slices.Index(choices, text)
		if i < 0 {
			v.problem("%s is not one of %s", quote(text), strings.Join(choices, ", "))
			return
		}
		put(s, i)
	}}
}

// compiledExpressions are those of an event so far.
type compiledExpressions struct {
	bySource map[string]*expect.Expression
	bytes    int // of the sources
}

// expressions is a field that holds a list of expressions, which replaces the
// one before.
func expressions(name, description string, compiled *compiledExpressions, put func(*check.Settings, []check.Condition)) setting {
	s := schema{
		"description": description, "type": "array", "maxItems": maxExpressions,
		"items": schema{"type": "string", "pattern": wordsPattern, "examples": []string{
			"status == 200", "status in [200, 204]", "body contains 'Welcome'", "body matches '<title>.*</title>'", "json.db == 'up'",
			"header['Content-Type'] startsWith 'application/json'", "duration < 300", "certificate.daysLeft > 14",
		}},
		"examples": []any{[]string{"status == 200", "json.db == 'up'"}},
	}
	return setting{name, s, func(v value, s *check.Settings) {
		if !v.require(anArray) {
			return
		}
		all := []check.Condition{}
		for i, element := range v.content {
			if i == maxExpressions {
				v.problem("has more than %d expressions", maxExpressions)
				break
			}
			source, ok := element.requireWords()
			if !ok {
				continue
			}
			if compiled.bySource[source] == nil {
				before := compiled.bytes
				if compiled.bytes += len(source); compiled.bytes > maxDifferent {
					if before <= maxDifferent { // once
						element.problem("the event's different expressions have more than %d bytes together: write the same one for more targets", maxDifferent)
					}
					continue
				}
				e, err := expect.Compile(source)
				if err != nil {
					hint := ""
					if wrong, ok := errors.AsType[*expect.Error](err); ok && wrong.Hint() != "" {
						hint = " (" + wrong.Hint() + ")"
					} else if ok && wrong.Unknown != "" {
						hint = suggestion(wrong.Unknown, expect.Names())
					}
					element.problem("%s: %v%s", quote(source), err, hint)
					continue
				}
				compiled.bySource[source] = e
			}
			all = append(all, compiled.bySource[source])
		}
		put(s, all)
	}}
}

func readMethod(v value, s *check.Settings) {
	method, ok := v.requireText()
	switch upper := strings.ToUpper(method); {
	case !ok:
	case !httpguts.ValidHeaderFieldName(method): // a method and a field name are both tokens
		v.problem("invalid HTTP method %s", quote(method))
	case method != upper:
		v.problem("%s is not in upper case (write %s)", quote(method), quote(upper))
	case method == http.MethodConnect:
		v.problem("CONNECT asks for a tunnel, which can't be checked")
	default:
		s.Method = method
	}
}

// connectionHeaders belong to the connection, and so do all that begin as
// proxyHeaders do.
var connectionHeaders = []string{"Connection", "Transfer-Encoding", "Content-Length", "Upgrade", "Keep-Alive", "Te", "Trailer"}

const proxyHeaders = "Proxy-"

func readHeaders(v value, s *check.Settings) {
	if !v.require(anObject) {
		return
	}
	own := http.Header{}
	for _, m := range v.content {
		name := http.CanonicalHeaderKey(m.name)
		_, twice := own[name]
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			m.problem("invalid header name")
			continue
		case slices.Contains(connectionHeaders, name) || strings.HasPrefix(name, proxyHeaders):
			m.problem("belongs to the connection: Rollcall sets it itself")
			continue
		case twice:
			m.problem("is given twice: header names are case-insensitive")
			continue
		}
		text, ok := requireReferences(m)
		if ok {
			if sample, _ := expand(text, anything); !validHeader(name, sample) {
				m.problem("invalid header value")
			}
		}
		own[name] = []string{text}
	}
	addHeaders(s, own)
}

// addHeaders puts headers beside those that are there.
func addHeaders(s *check.Settings, own http.Header) {
	all := http.Header{}
	maps.Copy(all, s.Header)
	maps.Copy(all, own)
	s.Header = all
}

func readTimeout(v value, s *check.Settings) {
	timeout, ok := requireDuration(v)
	switch {
	case !ok:
	case timeout <= 0 || timeout > maxTimeout:
		v.problem("%s is out of range (above 0s, at most 15m)", quote(v.text))
	default:
		s.Timeout = timeout
	}
}

func durationSchema(description string) schema {
	return textSchema(description).with(schema{
		"pattern": durationPattern, "examples": []string{"10s", "500ms"},
	})
}

// requireDuration returns the duration that v has to be.
func requireDuration(v value) (time.Duration, bool) {
	if v.kind == aNumber {
		v.problem("is a number, not a string (%s)", durationHint(v.text))
		return 0, false
	}
	text, ok := v.requireText()
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		v.problem("invalid duration %s (%s)", quote(text), durationHint(text))
		return 0, false
	}
	return d, true
}

// durationHint is what was probably meant by a text that is not a duration.
func durationHint(text string) string {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && n < 1000 {
		return fmt.Sprintf(`write "%ds" or "%[1]dms"`, n)
	}
	return "for example 10s or 500ms"
}

// readTLS reads an object whose members are laid over those that are there.
func readTLS(v value, s *check.Settings) {
	fields := tlsFields()
	own := v.requireObject(fieldNames(fields))
	*s = *overlay(s, own, fields)
	requireBoth(v, own)
}

func readServerName(v value, s *check.Settings) {
	text, ok := v.requireWords()
	if !ok {
		return
	}
	name, err := guard.HostName(text)
	if err != nil {
		v.problem("invalid host name %s", quote(text))
	}
	s.TLS.ServerName = name
}
