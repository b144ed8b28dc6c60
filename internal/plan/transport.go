package plan

import (
	"crypto/tls"
	"slices"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/guard"
)

// choice returns how a text is read that must be one of a few; choices[i]
// stands for the value i.
func choice(choices []string, put func(*check.Settings, int)) func(value) set {
	return func(v value) set {
		text, ok := v.text()
		if !ok {
			return nil
		}
		i := slices.Index(choices, text)
		if i < 0 {
			v.problem("%s is none of %s", quote(text), strings.Join(choices, ", "))
			return nil
		}
		return func(s *check.Settings) { put(s, i) }
	}
}

// The values of ip and http, in the order of package probe's constants.
var (
	ipVersions   = []string{check.AnyIP: "auto", check.IPv4: "4", check.IPv6: "6"}
	httpVersions = []string{check.HTTP1: "1.1", check.HTTP2: "2", check.AnyHTTP: "auto"}
)

func putIP(s *check.Settings, i int)   { s.IP = check.IPVersion(i) }
func putHTTP(s *check.Settings, i int) { s.HTTP = check.HTTPVersion(i) }

// tlsVersions are the values of tls.minVersion.
var tlsVersions = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// tlsFields are the members of tls.
var tlsFields = []field{
	{"serverName", true, readServerName, someText("The name that is asked for and that the certificate must be for. Default: the URL's host.")},
	{"insecureSkipVerify", true, readInsecure, flag("Take any certificate; the result says tlsUnverified. Default: false.")},
	{"minVersion", true, readMinVersion, oneOf("The least version of TLS. Default: 1.2.", sortedKeys(tlsVersions))},
}

// readTLS reads an object whose members are laid over those that are there.
func readTLS(v value) set {
	var names []string
	for _, f := range tlsFields {
		names = append(names, f.name)
	}
	l := readLayer(v.object(names), tlsFields)
	return func(s *check.Settings) {
		for _, set := range l {
			set(s)
		}
	}
}

func readServerName(v value) set {
	text, ok := v.notBlank()
	if !ok {
		return nil
	}
	name, err := guard.HostName(text)
	if err != nil {
		v.problem("%s is no host name", quote(text))
		return nil
	}
	return func(s *check.Settings) { s.TLS.ServerName = name }
}

func readInsecure(v value) set {
	if !v.must("a boolean") {
		return nil
	}
	skip := string(v.raw) == "true"
	return func(s *check.Settings) { s.TLS.InsecureSkipVerify = skip }
}

func readMinVersion(v value) set {
	text, ok := v.text()
	if !ok {
		return nil
	}
	version, ok := tlsVersions[text]
	if !ok {
		v.problem("%s is none of 1.0, 1.1, 1.2, 1.3", quote(text))
		return nil
	}
	return func(s *check.Settings) { s.TLS.MinVersion = version }
}
