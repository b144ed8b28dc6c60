package faults

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"rollcall/internal/testnet"
)

// An echoed request is what its server can send back.
type echoed struct {
	Method string              `json:"method"`
	Target string              `json:"target"` // path and query
	Host   string              `json:"host"`
	Header map[string][]string `json:"header"`
	Body   string              `json:"body"`
}

// echo responds in the way that the request's path names, with everything that
// the request held.
func echo(_ context.Context, c *testnet.Client) {
	r := c.Request
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxArrival)) // what came is sent back
	request := echoed{r.Method, r.RequestURI, r.Host, r.Header, string(body)}
	respond, known := echoes()[r.URL.Path]
	if disguise, other := disguises()[r.URL.Path]; other {
		respond, known = disguise, true
	}
	if !known {
		respond = echoes()["/body"]
	}
	io.WriteString(c, respond(request))
}

func echoPaths() []string { return slices.Sorted(maps.Keys(echoes())) }

// echoes are the responses by path. Each has the request where a client might
// quote it: in its errors, its results, or its next request.
func echoes() map[string]func(echoed) string {
	return map[string]func(echoed) string{
		"/body":  func(e echoed) string { return response("200 OK", e.String()) },
		"/error": func(e echoed) string { return response("500 Internal Server Error", e.String()) },
		"/json":  func(e echoed) string { return response("200 OK", e.json()) },

		"/status":      func(e echoed) string { return response("599 "+e.String(), "") },
		"/status-code": func(e echoed) string { return "HTTP/1.1 " + e.secret() + " OK\r\n\r\n" },
		"/version":     func(e echoed) string { return e.secret() + " 200 OK\r\n\r\n" },
		"/garbage":     func(e echoed) string { return e.String() + "\r\n\r\n" },

		"/header": func(e echoed) string {
			return testnet.StatusLine + "X-Echo: " + e.String() + "\r\nContent-Length: 0\r\n\r\n"
		},
		"/header-error": func(e echoed) string {
			return testnet.StatusLine + strings.ReplaceAll(e.String(), ":", " ") + "\r\n\r\n"
		},
		"/hints": func(e echoed) string {
			return "HTTP/1.1 103 " + e.String() + "\r\nLink: " + e.String() + "\r\n\r\n" + testnet.OK
		},
		"/length":            func(e echoed) string { return testnet.StatusLine + "Content-Length: " + e.String() + "\r\n\r\n" },
		"/transfer-encoding": func(e echoed) string { return testnet.StatusLine + "Transfer-Encoding: " + e.String() + "\r\n\r\n" },
		"/encoding": func(e echoed) string {
			return testnet.StatusLine + "Content-Encoding: " + e.secret() + "\r\nContent-Length: 2\r\n\r\nok"
		},

		"/chunk-error": func(e echoed) string {
			return testnet.StatusLine + "Transfer-Encoding: chunked\r\n\r\n" + e.String() + "\r\n"
		},
		"/gzip-error": func(e echoed) string {
			text := e.String()
			return testnet.StatusLine + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(text)) + text
		},

		"/location":        func(e echoed) string { return moved("/body?echo=" + url.QueryEscape(e.String())) },
		"/location-path":   func(e echoed) string { return moved("/body/" + url.PathEscape(e.secret())) },
		"/location-raw":    func(e echoed) string { return moved("https://[" + e.String()) },
		"/location-scheme": func(e echoed) string { return moved("x" + e.plain() + "://example.test/") },
		"/location-host":   func(e echoed) string { return moved("https://" + e.plain() + ".nxdomain.stage.test/") },
		"/location-user":   func(e echoed) string { return moved("https://" + url.PathEscape(e.secret()) + "@nxdomain.stage.test/") },
	}
}

// disguises are more of them: each says the secret in a form of its own.
func disguises() map[string]func(echoed) string {
	return map[string]func(echoed) string{
		"/location-base64":   func(e echoed) string { return moved("/body/" + base64.RawURLEncoding.EncodeToString([]byte(e.bare()))) },
		"/location-hex":      func(e echoed) string { return moved("/body/" + hex.EncodeToString([]byte(e.bare()))) },
		"/location-part":     func(e echoed) string { return moved("/body/" + url.PathEscape(e.bare()[len(e.bare())/2:])) },
		"/location-bare":     func(e echoed) string { return moved("/body/x" + e.bare() + "y") },
		"/location-reversed": func(e echoed) string { return moved("/body/" + reversed(e.bare())) },
		"/location-matrix":   func(e echoed) string { return moved("/body;jsessionid=" + url.PathEscape(e.bare())) },
		"/location-label": func(e echoed) string {
			return moved("https://" + hex.EncodeToString([]byte(e.bare()))[:40] + ".nxdomain.stage.test/")
		},
		"/body-base64": func(e echoed) string {
			return response("200 OK", base64.StdEncoding.EncodeToString([]byte(e.String())))
		},
		"/garbage-reversed": func(e echoed) string { return reversed(e.String()) + "\r\n\r\n" },
		"/status-hex":       func(e echoed) string { return "HTTP/1.1 099 " + hex.EncodeToString([]byte(e.bare())) + "\r\n\r\n" },
	}
}

func response(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

func moved(location string) string {
	return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n"
}

// String is the request on one line, its headers in the order of their names.
func (e echoed) String() string {
	parts := []string{e.Method, e.Target, "Host:", e.Host}
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		parts = append(parts, name+":", strings.Join(e.Header[name], ", "))
	}
	return oneLine(strings.Join(append(parts, e.Body), " "))
}

func (e echoed) json() string {
	text, _ := json.Marshal(e) // strings can always be marshalled
	return string(text)
}

// secret is what the client would like least to see again: a credential, else
// the body, the query, or a user agent of its own.
func (e echoed) secret() string {
	credential := func(name string) string { return strings.Join(e.Header[name], ", ") }
	_, query, _ := strings.Cut(e.Target, "?")
	agent := credential("User-Agent")
	if strings.HasPrefix(agent, "rollcall/") {
		agent = ""
	}
	return oneLine(cmp.Or(credential("Authorization"), credential("X-Api-Key"), credential("Cookie"), e.Body, query, agent, "nothing"))
}

// plain is the secret's letters, digits and hyphens, as many as a label of a
// host name can have.
func (e echoed) plain() string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r == '-', '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			return r
		}
		return -1
	}, e.secret())
	return kept[:min(len(kept), 63)]
}

// bare is the last long word of the secret: a token without what is around it.
func (e echoed) bare() string {
	secret := e.secret()
	if encoded, basic := strings.CutPrefix(secret, "Basic "); basic {
		if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			secret = string(plain)
		}
	}
	words := strings.FieldsFunc(secret, func(r rune) bool { return strings.ContainsRune(" =:;,&?\"{}", r) })
	for _, word := range slices.Backward(words) {
		if len(word) >= 20 {
			return word
		}
	}
	return strings.Repeat("nothing-", 5)
}

func reversed(text string) string {
	letters := []byte(text)
	slices.Reverse(letters)
	return string(letters)
}

func oneLine(text string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(text) }
