package probe

import (
	"cmp"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/publicsuffix"
)

// The most that servers may set in one attempt. More is ignored.
const (
	maxCookies     = 50
	maxCookieBytes = 16 << 10
)

// A jar holds the cookies that servers set during one attempt. It is made when
// a redirect sets the first.
type jar struct {
	*cookiejar.Jar
	sizes map[string]int // by host, domain, path and name
	bytes int            // the sum of sizes
}

// keepCookies puts what the response to h sets into its jar.
func (h *hop) keepCookies(header http.Header) {
	lines := header["Set-Cookie"]
	if h.noCookies || len(lines) == 0 {
		return
	}
	if h.jar == nil {
		j, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // never fails
		h.jar = &jar{Jar: j, sizes: map[string]int{}}
	}
	for _, line := range lines[:min(len(lines), maxCookies)] {
		h.jar.set(h.cookieURL(), line)
	}
}

// set keeps one cookie. Its name and value may be whatever browsers take, such
// as JSON; net/http reads the rest of the line.
func (j *jar) set(from *url.URL, line string) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	c, err := http.ParseSetCookie("name=value;" + attributes)
	if !ok || name == "" || err != nil || !httpguts.ValidHeaderFieldValue(name+value) {
		return
	}
	c.Name, c.Value = name, value
	path := c.Path
	if !strings.HasPrefix(path, "/") {
		path = from.Path[:strings.LastIndexByte(from.Path, '/')+1]
	}
	key := strings.Join([]string{from.Hostname(), c.Domain, path, name}, ";")
	size := len(key) + len(value)
	if c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Before(time.Now()) {
		size = 0 // it is removed
	}
	before, known := j.sizes[key]
	if size > 0 && (!known && len(j.sizes) == maxCookies || j.bytes-before+size > maxCookieBytes) {
		return
	}
	j.bytes += size - before
	if j.sizes[key] = size; size == 0 {
		delete(j.sizes, key)
	}
	j.SetCookies(from, []*http.Cookie{c})
}

// sentHeader is the header of h with the cookies that it takes along.
func (h *hop) sentHeader() http.Header {
	if h.jar == nil {
		return h.header
	}
	header := maps.Clone(h.header)
	if cookies := h.cookies(); cookies != "" {
		header["Cookie"] = []string{cookies}
	}
	return header
}

// cookies is the Cookie header of h: what the event says, then what servers set
// under other names.
func (h *hop) cookies() string {
	own := strings.Join(h.header["Cookie"], "; ")
	if h.jar == nil {
		return own
	}
	var names []string
	for pair := range strings.SplitSeq(own, ";") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, strings.TrimSpace(name))
	}
	all := make([]string, 0, 4)
	if own != "" {
		all = append(all, own)
	}
	for _, c := range h.jar.Cookies(h.cookieURL()) {
		if !slices.Contains(names, c.Name) {
			all = append(all, c.Name+"="+c.Value)
		}
	}
	return strings.Join(all, "; ")
}

// cookieURL is where h goes, by the host that the server knows of.
func (h *hop) cookieURL() *url.URL {
	u := *h.url
	u.Host = cmp.Or(h.host, u.Host)
	return &u
}
