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
	"rollcall/internal/weburl"
)

// readURL returns a URL as it is asked for, see package weburl. Its user
// information comes apart. A host's last dot stays: the server sees it, and no
// search list is tried.
func readURL(text string) (*url.URL, *url.Userinfo, error) {
	if !utf8.ValidString(text) {
		return nil, nil, errors.New("is not valid UTF-8")
	}
	u, err := weburl.Parse(text, nil)
	if err != nil {
		return nil, nil, err
	}
	user := u.User
	u.User = nil
	return u, user, nil
}

// identity returns the URL that derived names are made of: as Rollcall read
// URLs before it read them as browsers do. Metrics and alarms hang on names, so
// what was valid then keeps its name, whatever is asked for today, and this
// never changes. It is nil for what was not valid.
func identity(text string) *url.URL {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	host, err := guard.HostName(u.Hostname())
	if strings.HasPrefix(u.Host, "[") {
		var ip netip.Addr
		ip, err = netip.ParseAddr(u.Hostname())
		if host = "[" + ip.String() + "]"; !ip.Is6() || ip.Zone() != "" {
			return nil
		}
	}
	if err != nil {
		return nil
	}
	if port := u.Port(); port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return nil
		}
		if number != uint64(weburl.DefaultPort(u.Scheme)) {
			host += ":" + strconv.FormatUint(number, 10)
		}
	}
	id := &url.URL{
		Scheme: u.Scheme, Host: host, Path: u.Path, RawPath: u.RawPath,
		RawQuery: redact.ASCII(u.RawQuery), ForceQuery: u.ForceQuery,
	}
	if id.Path == "" {
		id.Path = "/"
	}
	id.RawPath = id.EscapedPath()
	return id
}

// maxName bounds derived names, in bytes. CloudWatch takes 1,024; people don't.
const maxName = 255

// derivedName is the name of a target that is given none: host, path without
// its parameters, and a hash of those, of the query and of the request that the target's own object asks
// for. Metrics and alarms hang on it, so its form never changes, and it
// depends on nothing else: neither on the defaults, nor on the environment,
// nor on user information, nor on the other targets.
func derivedName(u *url.URL, request string) string {
	name := u.Host
	if u.Scheme == "http" {
		name = "http://" + name
	}
	path, query := redact.PathParameters(weburl.Path(u))
	if path != "/" {
		name += path
	}
	if u.RawQuery != "" || u.ForceQuery {
		query += "?" + u.RawQuery
	}
	if query != "" || request != "" {
		name += "#" + digest(query+"\n"+request)
	}
	return cutName(name)
}

// asWritten puts back the references of a URL's text that its path, s, has
// percent-encoded: a name and what is shown have them as they are written.
func asWritten(text, s string) string {
	if !strings.Contains(text, "${") {
		return s
	}
	expand(withoutFragment(text), func(r Reference) (string, error) {
		inner := strings.TrimSuffix(strings.TrimPrefix(r.String(), "${"), "}")
		s = strings.ReplaceAll(s, "$%7B"+strings.ReplaceAll(inner, "#", "%23")+"%7D", r.String())
		return "", nil
	})
	return s
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
