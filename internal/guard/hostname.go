package guard

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// HostName returns a host's name as it is looked up: in lower case and
// punycode. The error says why the resolver can't be asked for it.
func HostName(name string) (string, error) {
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", errors.New("has a host name without a form in ASCII (punycode)")
		}
		name = ascii
	}
	name = strings.ToLower(name)
	if !validHostName(name) {
		return "", errors.New("has an invalid host name")
	}
	return name, nil
}

// validHostName: labels of 1 to 63 letters, digits, hyphens and underscores,
// 253 bytes in all (RFC 1035; underscores are in use, so they pass).
func validHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInHostName) {
			return false
		}
	}
	return true
}

func notInHostName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}
