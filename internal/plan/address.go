package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall/internal/guard"
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
		return nil, nil, errors.New("is no valid UTF-8")
	case strings.ContainsFunc(text, isSpaceOrControl):
		return nil, nil, errors.New("has a space or a control character")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, nil, errors.New("is no URL")
	}
	host, err := readHost(u)
	if err != nil {
		return nil, nil, err
	}
	clean := &url.URL{
		Scheme: u.Scheme, Host: host, Path: u.Path, RawPath: u.RawPath,
		RawQuery: escapeNonASCII(u.RawQuery), ForceQuery: u.ForceQuery,
	}
	if clean.Path == "" {
		clean.Path = "/"
	}
	return clean, u.User, nil
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// readHost returns the host of u and, if it is not the scheme's, the port.
func readHost(u *url.URL) (string, error) {
	if u.Scheme == "" {
		return "", errors.New("is not absolute (write https://…)")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("is neither http nor https (write https://…)")
	}
	if u.Hostname() == "" {
		return "", errors.New("has no host")
	}
	name, err := hostName(u)
	if err != nil {
		return "", err
	}
	port, err := readPort(u)
	return name + port, err
}

// readPort returns ":8443", or "" for the scheme's own port.
func readPort(u *url.URL) (string, error) {
	if u.Port() == "" {
		return "", nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return "", errors.New("has a port out of range (1 to 65535)")
	}
	if u.Scheme == "http" && port == 80 || u.Scheme == "https" && port == 443 {
		return "", nil
	}
	return ":" + strconv.FormatUint(port, 10), nil
}

// hostName returns the host of u without its port: a name in ASCII, an IPv4
// address, or an IPv6 address in brackets.
func hostName(u *url.URL) (string, error) {
	name := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		ip, err := netip.ParseAddr(name)
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", errors.New("has a host in brackets that is no IPv6 address")
		}
		return "[" + ip.String() + "]", nil
	}
	return guard.HostName(name)
}

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }

// escapeNonASCII percent-encodes every byte that is not ASCII, as browsers
// do in queries.
func escapeNonASCII(query string) string {
	if !strings.ContainsFunc(query, isNotASCII) {
		return query
	}
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= unicode.MaxASCII {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
