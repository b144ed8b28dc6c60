package probe

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// A hop is one request of a check: the first, or what a redirect asks for.
type hop struct {
	url     *url.URL
	method  string
	host    string      // "" is the URL's
	header  http.Header // never changed once the hop is made
	bound   []string    // names of headers with references, for the first origin only
	generic http.Header // what stands for them elsewhere
	body    string
	tls     check.TLSSettings
	count   int      // redirects followed to get here
	visited []string // the hops before, see visit

	noCookies bool
	jar       *jar // what servers set so far; nil: nothing
}

// safeHeaders are those that another origin may see: they say how to respond,
// not who asks.
var safeHeaders = []string{"Accept", "Accept-Encoding", "Accept-Language", "User-Agent"}

// redirect returns the hop that r asks for; nil where it asks for none or at
// most limit are followed. broken says why it can't be followed; whether that
// matters is for the target's expectations to say.
func (h *hop) redirect(r *http.Response, limit int) (next *hop, broken *verdict) {
	if !redirects(r.StatusCode) || limit == 0 {
		return nil, nil
	}
	to, err := location(h.url, r.Header)
	if err != nil {
		return nil, &verdict{reason: check.RedirectInvalid, detail: err.Error()}
	}
	switch {
	case h.url.Scheme == "https" && to.Scheme == "http":
		return nil, &verdict{reason: check.RedirectInsecure, detail: "redirected from https to http: " + redact.URL(to)}
	case h.count == limit:
		return nil, &verdict{reason: check.RedirectLoop, detail: fmt.Sprintf("more than %d redirects, the next one to %s", limit, redact.URL(to))}
	}
	visited := append(h.visited, h.visit())
	h.keepCookies(r.Header)
	next = h.follow(to, r.StatusCode)
	next.visited = visited
	if slices.Contains(visited, next.visit()) {
		return nil, &verdict{reason: check.RedirectLoop, detail: "redirected in a circle: " + redact.URL(to)}
	}
	return next, nil
}

// visit is what a request must not ask for twice. Cookies are part of it: many
// sites set one and redirect to themselves.
func (h *hop) visit() string { return h.method + " " + weburl.String(h.url) + "\n" + h.cookies() }

func redirects(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// location is where a response sends us, from base.
func location(base *url.URL, header http.Header) (*url.URL, error) {
	where := header.Get("Location")
	if where == "" {
		return nil, errors.New("redirect without a Location")
	}
	to, err := weburl.Parse(where, base)
	if e, ok := errors.AsType[*weburl.SchemeError](err); ok {
		return nil, fmt.Errorf("redirect to scheme %q, neither http nor https", redact.Cut(e.Scheme, redact.MaxServer))
	}
	if err != nil {
		return nil, fmt.Errorf("redirect to a URL that %w: %s", err, redact.InvalidURL(where))
	}
	to.User = nil
	return to, nil
}

// follow is the request that a redirect asks for (RFC 9110, 15.4): 303 turns
// all but HEAD into GET, 301 and 302 turn POST into it, as every browser does.
// To another origin nothing goes that the user configured for this one.
func (h *hop) follow(to *url.URL, status int) *hop {
	next := &hop{url: to, method: h.method, host: h.host, header: h.header, bound: h.bound, generic: h.generic, body: h.body, tls: h.tls, count: h.count + 1, noCookies: h.noCookies, jar: h.jar}
	if status == 303 && h.method != http.MethodHead || status <= 302 && h.method == http.MethodPost {
		next.method, next.body = http.MethodGet, ""
		next.header = without(h.header, "Content-Type", "Content-Encoding", "Content-Language", "Content-Location")
	}
	if weburl.Origin(h.url) != weburl.Origin(to) {
		next.header, next.body, next.host = only(h.header, safeHeaders), "", ""
		for _, name := range h.bound { // its value is for the origin before
			delete(next.header, name)
			if values, ok := h.generic[name]; ok {
				next.header[name] = values
			} else if name == "Accept-Encoding" {
				next.header[name] = encodings
			}
		}
		next.tls = check.TLSSettings{MinVersion: h.tls.MinVersion, LegacyCiphers: h.tls.LegacyCiphers}
	}
	return next
}

func without(h http.Header, names ...string) http.Header {
	h = h.Clone()
	for _, name := range names {
		delete(h, name)
	}
	return h
}

func only(h http.Header, names []string) http.Header {
	left := make(http.Header, len(names))
	for _, name := range names {
		if values, ok := h[name]; ok {
			left[name] = values
		}
	}
	return left
}
