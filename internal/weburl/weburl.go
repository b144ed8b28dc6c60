// Package weburl reads http and https URLs as browsers do, by the WHATWG URL
// Standard (https://url.spec.whatwg.org/, read in November 2026): what a site's
// visitors follow, the monitor follows too.
//
// A URL that [Parse] returned has the path that is sent in RawPath, or in what
// EscapedPath returns if that is empty. RawPath may have what net/url would
// escape or refuse, such as a "%" that encodes nothing: [Path], [RequestURI],
// [String] and [ForRequest] know of that, and the methods of url.URL do not.
package weburl

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Errors of [Parse] say what the text is or has. They quote nothing of it: any
// part of a URL that can't be read may be its password.
var (
	ErrEmpty    = errors.New("is empty")
	ErrNoScheme = errors.New("is not absolute (write https://…)")
	ErrNoHost   = errors.New("has no host")
	ErrPort     = errors.New("has a port that is not a number from 1 to 65535")
	ErrIPv6     = errors.New("has a host in brackets that is not an IPv6 address")
	ErrIPv4     = errors.New("has a host that ends in a number but is not an IPv4 address")
	ErrPunycode = errors.New("has a host name without a form in ASCII (punycode)")
)

// A SchemeError is of a URL that is neither http nor https.
type SchemeError struct {
	Scheme string // in lower case
}

// Error does not name the scheme, which may be a user name.
func (*SchemeError) Error() string { return "is neither http nor https (write https://…)" }

// Parse reads an http or https URL. If text has none of its own, scheme, host,
// path and query are those of base, which Parse returned; a nil base has none.
//
// Tabs, line feeds and the blanks at both ends are dropped, and so is the
// fragment. "\" is "/". The scheme and the host are in lower case, the host is
// in ASCII, an IPv4 address has four decimal numbers, however it is written.
// The scheme's own port is left out. "." and ".." are resolved. What can't be
// sent is percent-encoded, and nothing else.
//
// Port 0, and host names that can't be looked up, are errors too.
func Parse(text string, base *url.URL) (*url.URL, error) {
	text = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	if strings.ContainsAny(text, "\t\n\r") {
		text = dropped.Replace(text)
	}
	text, _, _ = strings.Cut(text, "#")
	scheme, rest := cutScheme(text)
	switch {
	case scheme == "" && base != nil:
		return relative(rest, base)
	case text == "":
		return nil, ErrEmpty
	case scheme == "":
		return nil, ErrNoScheme
	case scheme != "http" && scheme != "https":
		if base == nil && startsWithDigit(rest) { // "example.com:8443"
			return nil, ErrNoScheme
		}
		return nil, &SchemeError{scheme}
	case base != nil && scheme == base.Scheme:
		return relative(rest, base)
	}
	return absolute(scheme, rest)
}

var dropped = strings.NewReplacer("\t", "", "\n", "", "\r", "")

const slashes = `/\`

// cutScheme returns the scheme of text in lower case and what follows its colon;
// "" and text if there is none.
func cutScheme(text string) (scheme, rest string) {
	for i := range len(text) {
		switch c := text[i]; {
		case c == ':' && i > 0:
			return strings.ToLower(text[:i]), text[i+1:]
		case c|0x20 >= 'a' && c|0x20 <= 'z', i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return "", text
		}
	}
	return "", text
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// relative reads what has no scheme or authority of its own.
func relative(text string, base *url.URL) (*url.URL, error) {
	if len(text) >= 2 && strings.ContainsRune(slashes, rune(text[0])) && strings.ContainsRune(slashes, rune(text[1])) {
		return absolute(base.Scheme, text)
	}
	u := &url.URL{Scheme: base.Scheme, Host: base.Host}
	path, query, some := strings.Cut(text, "?")
	switch {
	case path == "":
		u.Path, u.RawPath = base.Path, base.RawPath
		u.RawQuery, u.ForceQuery = base.RawQuery, base.ForceQuery
	case strings.ContainsRune(slashes, rune(path[0])):
		setPath(u, "", path[1:])
	default:
		folder := Path(base)
		setPath(u, folder[:max(0, strings.LastIndexByte(folder, '/'))], path)
	}
	if some {
		setQuery(u, query)
	}
	return u, nil
}

// absolute reads what follows the scheme's colon: any number of slashes, user
// information, host, port, path and query.
func absolute(scheme, text string) (*url.URL, error) {
	text = strings.TrimLeft(text, slashes)
	authority, path := text, ""
	if end := strings.IndexAny(text, `/\?`); end >= 0 {
		authority, path = text[:end], text[end:]
	}
	u := &url.URL{Scheme: scheme}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		name, password, some := strings.Cut(authority[:at], ":")
		if u.User = url.User(decode(name)); some {
			u.User = url.UserPassword(decode(name), decode(password))
		}
		authority = authority[at+1:]
	}
	host, port := authority, ""
	if colon := strings.IndexByte(authority[strings.LastIndexByte(authority, ']')+1:], ':'); colon >= 0 {
		colon += strings.LastIndexByte(authority, ']') + 1
		host, port = authority[:colon], authority[colon+1:]
	}
	if host == "" {
		return nil, ErrNoHost
	}
	var err error
	if u.Host, err = readHost(host); err != nil {
		return nil, err
	}
	if port != "" {
		number, err := strconv.ParseUint(port, 10, 16) // which takes digits only
		if err != nil || number == 0 {
			return nil, ErrPort
		}
		if number != uint64(DefaultPort(scheme)) {
			u.Host += ":" + strconv.FormatUint(number, 10)
		}
	}
	path, query, some := strings.Cut(path, "?")
	if path != "" {
		path = path[1:]
	}
	setPath(u, "", path)
	if some {
		setQuery(u, query)
	}
	return u, nil
}

// setPath resolves path from folder, a normal path without its last slash.
func setPath(u *url.URL, folder, path string) {
	sent := make([]byte, 0, len(folder)+len(path)+1)
	sent = append(sent, folder...)
	for more := true; more; {
		var segment string
		if end := strings.IndexAny(path, slashes); end >= 0 {
			segment, path = path[:end], path[end+1:]
		} else {
			segment, more = path, false
		}
		switch dots(segment) {
		case 0:
			sent = appendEncoded(append(sent, '/'), segment, &pathSet)
			continue
		case 2:
			for i := len(sent) - 1; i >= 0; i-- {
				if sent[i] == '/' {
					sent = sent[:i]
					break
				}
			}
		}
		if !more {
			sent = append(sent, '/')
		}
	}
	raw := string(sent)
	u.Path = decode(raw)
	if u.EscapedPath() != raw {
		u.RawPath = raw
	}
}

// dots returns 1 for ".", 2 for ".." and 0 for any other segment. A dot may be
// percent-encoded.
func dots(segment string) int {
	n := 0
	for segment != "" && n <= 2 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && strings.EqualFold(segment[:3], "%2e"):
			segment = segment[3:]
		default:
			return 0
		}
		n++
	}
	if n > 2 {
		return 0
	}
	return n
}

func setQuery(u *url.URL, query string) {
	u.ForceQuery = query == ""
	u.RawQuery = string(appendEncoded(nil, query, &querySet))
}

// An encodeSet has the bytes that are percent-encoded.
type encodeSet [256]bool

var (
	pathSet  = newEncodeSet(" \"#<>?^`{}")
	querySet = newEncodeSet(" \"#<>'")
)

// newEncodeSet has some, control characters, and all that is not ASCII.
func newEncodeSet(some string) (set encodeSet) {
	for c := range set {
		set[c] = c < ' ' || c > '~' || strings.IndexByte(some, byte(c)) >= 0
	}
	return set
}

func appendEncoded(to []byte, text string, set *encodeSet) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		if c := text[i]; set[c] {
			to = append(to, '%', hex[c>>4], hex[c&15])
		} else {
			to = append(to, c)
		}
	}
	return to
}

// decode undoes percent-encoding, and leaves a "%" that encodes nothing.
func decode(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// Path returns the path of u as it is sent.
func Path(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// RequestURI returns the path and the query of u as they are sent.
func RequestURI(u *url.URL) string {
	if u.RawQuery == "" && !u.ForceQuery {
		return Path(u)
	}
	return Path(u) + "?" + u.RawQuery
}

// String returns all of u that a request depends on. Two URLs that ask for the
// same have the same.
func String(u *url.URL) string { return u.Scheme + "://" + u.Host + RequestURI(u) }

// Parsed returns the URL whose [String] text is, without user information; nil of
// "". It panics of anything that is not one.
func Parsed(text string) *url.URL {
	if text == "" {
		return nil
	}
	u, err := Parse(text, nil)
	if err != nil {
		panic("weburl: a URL that was read can't be read: " + err.Error())
	}
	return u
}

// Hostname returns what Hostname of [Parsed] does, without reading all of the text.
func Hostname(text string) string {
	_, host, _ := strings.Cut(text, "://")
	host, _, _ = strings.Cut(host, "/")
	return (&url.URL{Host: host}).Hostname()
}

// DefaultPort is that of a scheme, http or https.
func DefaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// Port is the port of u, or its scheme's own.
func Port(u *url.URL) uint16 {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(port)
	}
	return DefaultPort(u.Scheme)
}

// Origin is scheme, host and port of u, which [Parse] returned.
func Origin(u *url.URL) string {
	return u.Scheme + "://" + u.Hostname() + ":" + strconv.Itoa(int(Port(u)))
}

// ForRequest returns u in a form that net/http sends as [RequestURI] has it. host
// is what the request's Host says; "" is u's.
func ForRequest(u *url.URL, host string) *url.URL {
	if u.RawPath == "" || u.EscapedPath() == u.RawPath {
		return u
	}
	if host == "" {
		host = u.Host
	}
	sent := *u
	sent.Opaque = u.RawPath
	if strings.HasPrefix(sent.Opaque, "//") {
		// net/http would take that for a host. With the real one before it, it is a request in
		// absolute form (RFC 9112, 3.2.2), which every server has to understand.
		sent.Opaque = "//" + host + u.RawPath
	}
	return &sent
}
