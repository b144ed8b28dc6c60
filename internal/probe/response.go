package probe

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// A response is what came back on one connection.
type response struct {
	url    *url.URL // that was asked for
	header http.Header
	body   string   // decoded; "" unless somebody reads it
	next   *hop     // the redirect to follow; nil: this response counts
	broken *verdict // why a redirect can't be followed; nil: there is none
	noJSON bool     // there is no memory for the body's
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
	next = h.follow(to, r.StatusCode)
	next.visited = append(h.visited, h.method+" "+weburl.String(h.url))
	if slices.Contains(next.visited, next.method+" "+weburl.String(next.url)) {
		return nil, &verdict{reason: check.RedirectLoop, detail: "redirected in a circle: " + redact.URL(to)}
	}
	return next, nil
}

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
	next := &hop{url: to, method: h.method, host: h.host, header: h.header, bound: h.bound, generic: h.generic, body: h.body, tls: h.tls, count: h.count + 1}
	if status == 303 && h.method != http.MethodHead || status <= 302 && h.method == http.MethodPost {
		next.method, next.body = http.MethodGet, ""
		next.header = without(h.header, "Content-Type", "Content-Encoding", "Content-Language", "Content-Location")
	}
	if origin(h.url) != origin(to) {
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

// origin is scheme, host and port.
func origin(u *url.URL) string {
	return fmt.Sprintf("%s://%s:%d", u.Scheme, strings.ToLower(u.Hostname()), portOf(u))
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

// A body is what was read of a response's.
type body struct {
	text      string // decoded; "" unless somebody reads it
	wire      int64  // bytes as they came
	size      int64  // bytes decoded
	truncated bool   // there was more
	short     bool   // there was more than memory
}

// readBody reads the body to its end, or until limit bytes of it have come or
// have been decoded. The text is kept only if it is wanted, as far as s goes.
func readBody(resp *http.Response, limit int64, wanted bool, s *share) (body, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return body{}, nil // what follows is another protocol's
	}
	raw := &capped{r: resp.Body, left: limit}
	decoded, err := decode(raw, resp.Header.Get("Content-Encoding"))
	text := &capped{r: decoded, left: limit}
	var b body
	kept := growing{share: s}
	sink := io.Discard
	if wanted {
		sink = &kept
	}
	if err == nil {
		_, err = io.Copy(sink, text)
	}
	if kept.full && s.reserve.Last {
		text.more, b.short, err = true, true, nil
	}
	if err == nil && !text.more {
		_, err = io.Copy(io.Discard, raw) // what follows the end of compressed data
	}
	b.text, b.wire, b.size, b.truncated = kept.String(), raw.n, text.n, raw.more || text.more
	switch {
	case err == errShort:
		return b, err
	case b.truncated:
		return b, nil // the decoder may miss the rest, which is our doing
	}
	return b, bodyError(raw, err)
}

// bodyError tells a failure of the connection from one of the data: the decoders
// turn the first into io.ErrUnexpectedEOF too.
func bodyError(raw *capped, err error) error {
	if raw.err != nil && raw.err != io.EOF {
		return raw.err
	}
	if err != nil {
		return &verdict{reason: check.BodyInvalid, detail: invalidBody + err.Error()}
	}
	return nil
}

// decode undoes the compression that we offered. Anything else is left as it
// is: it may be what the target's user asked for.
func decode(raw io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(encoding) {
	case "gzip", "x-gzip":
		return emptyOr(raw, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
	case "deflate":
		return emptyOr(raw, inflate)
	}
	return raw, nil
}

// emptyOr decodes what is not empty: a 304, or the response to a HEAD, names an
// encoding and has no body.
func emptyOr(raw io.Reader, open func(io.Reader) (io.Reader, error)) (io.Reader, error) {
	buffered := bufio.NewReader(raw)
	if _, err := buffered.Peek(1); err == io.EOF {
		return buffered, nil
	}
	return open(buffered)
}

// inflate reads what servers call deflate: zlib as the standard says (RFC
// 9110), or the bare stream.
func inflate(r io.Reader) (io.Reader, error) {
	buffered := r.(*bufio.Reader)
	head, _ := buffered.Peek(2)
	if len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}

// capped reads at most left bytes and notes whether there would have been
// more.
type capped struct {
	r    io.Reader
	left int64
	n    int64
	more bool
	err  error
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left == 0 {
		return c.beyond()
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.left -= int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}

// beyond looks for one byte more than what may be read.
func (c *capped) beyond() (int, error) {
	if c.err == nil && !c.more {
		var one [1]byte
		n, err := io.ReadFull(c.r, one[:])
		c.more = n > 0
		if err != nil && !c.more {
			c.err = err
		}
	}
	if c.more || c.err == nil {
		return 0, io.EOF
	}
	return 0, c.err
}
