package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall/internal/guard"
	"rollcall/internal/redact"
)

// readURL returns an absolute http or https URL in one spelling: host in
// lower case and punycode, no port that is the scheme's, "/" for no path, no
// fragment, ASCII throughout. Its user information comes apart. A host's
// last dot stays: the server sees it, and no search list is tried.
//
// Errors quote nothing of text: any part of a URL that can't be read may be
// its password.
func readURL(text string) (*url.URL, *url.Userinfo, error) {
	switch {
	case text == "":
		return nil, nil, errors.New("is empty")
	case !utf8.ValidString(text):
		return nil, nil, errors.New("is not valid UTF-8")
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return nil, nil, errors.New("has a space or a control character")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, nil, errors.New("invalid URL")
	case u.Scheme == "":
		return nil, nil, errors.New("is not absolute (write https://…)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, nil, errors.New("is neither http nor https (write https://…)")
	case u.Hostname() == "":
		return nil, nil, errors.New("has no host")
	}
	host, err := hostOf(u)
	if err != nil {
		return nil, nil, err
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return nil, nil, errors.New("has a port out of range (1 to 65535)")
		}
		if standard := u.Scheme == "http" && port == 80 || u.Scheme == "https" && port == 443; !standard {
			host += ":" + strconv.FormatUint(port, 10)
		}
	}
	clean := &url.URL{
		Scheme: u.Scheme, Host: host, Path: u.Path, RawPath: u.RawPath,
		RawQuery: redact.ASCII(u.RawQuery), ForceQuery: u.ForceQuery,
	}
	if clean.Path == "" {
		clean.Path = "/"
	}
	return clean, u.User, nil
}

// hostOf returns the host of u without its port: a name in ASCII, an IPv4
// address, or an IPv6 address in brackets.
func hostOf(u *url.URL) (string, error) {
	if !strings.HasPrefix(u.Host, "[") {
		return guard.HostName(u.Hostname())
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return "", errors.New("has a host in brackets that is not an IPv6 address")
	}
	return "[" + ip.String() + "]", nil
}

// maxName bounds derived names, in bytes. CloudWatch takes 1,024; people don't.
const maxName = 255

// derivedName is the name of a target that is given none: host, path, and a
// hash of the query and of the request that the target's own object asks
// for. Metrics and alarms hang on it, so its form never changes, and it
// depends on nothing else: neither on the defaults, nor on the environment,
// nor on user information, nor on the other targets.
func derivedName(u *url.URL, request string) string {
	name := u.Host
	if u.Scheme == "http" {
		name = "http://" + name
	}
	if path := u.EscapedPath(); path != "/" {
		name += path
	}
	query := ""
	if u.RawQuery != "" || u.ForceQuery {
		query = "?" + u.RawQuery
	}
	if query != "" || request != "" {
		name += "#" + digest(query+"\n"+request)
	}
	return cutName(name)
}

// cutName shortens a name that is too long, and keeps it apart from others
// that begin the same.
func cutName(name string) string {
	if len(name) <= maxName {
		return name
	}
	hash := "#" + digest(name)
	return name[:maxName-len(hash)] + hash
}

// digest returns the first 12 hexadecimal digits of the SHA-256 of text: two of
// 100,000 names that differ only in it collide with a chance of 1 in 56,000.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// requestFields are those of a target that make its request.
var requestFields = [...]string{"method", "headers", "body", "userAgent", "ip", "http", "tls", "cookies"}

// requestOf returns those of a target's own fields that make its request, in
// one spelling of JSON: names sorted, no space, values as they are written.
// It is "" if there are none.
func requestOf(own members) string {
	request := map[string]any{}
	for _, name := range requestFields {
		if v := own.get(name); v.kind != absent {
			request[name] = v.plain()
		}
	}
	if len(request) == 0 {
		return ""
	}
	text, _ := json.Marshal(request) // what was decoded from JSON can be encoded
	return string(text)
}
