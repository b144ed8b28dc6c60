package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// maxName bounds derived names and URLs that can't be read, in bytes. CloudWatch takes
// 1,024; people don't.
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

// unreadableName is the name of a target whose URL can't be read.
func unreadableName(text, request string) string {
	return cutName(strings.TrimPrefix(redacted(text), "https://") + "#" + digest(text+"\n"+request))
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

// requestOf returns those of a target's own fields that make its request, in
// one spelling of JSON: names sorted, no space, values as they are written.
// It is "" if there are none.
func requestOf(own map[string]value, fields []field) string {
	request := map[string]any{}
	for _, f := range fields {
		if v, ok := own[f.name]; ok && f.request {
			request[f.name] = v.decoded()
		}
	}
	if len(request) == 0 {
		return ""
	}
	text, _ := json.Marshal(request) // what was decoded from JSON can be encoded
	return string(text)
}

// redacted returns as much of a text that is no URL as can be shown: what
// stands before a port, a query or a fragment, without what may be user
// information, in printable ASCII.
func redacted(text string) string {
	text = strings.TrimSpace(text)
	scheme, rest, found := strings.Cut(text, "://")
	if !found || scheme == "" || strings.ContainsFunc(scheme, notInName) {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	end := strings.IndexAny(rest, "?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest, '@')
	if at > end {
		return abridged(scheme + "...") // a query with an @, or a password with a ? or #: nobody knows
	}
	bare, _, _ := strings.Cut(rest[at+1:end], ":") // a port, or a password whose @ is missing
	return abridged(scheme + percentEncoded(bare))
}

// percentEncoded percent-encodes every byte that is no printable ASCII.
func percentEncoded(text string) string {
	var b strings.Builder
	for _, c := range []byte(text[:min(len(text), maxName+1)]) {
		if c >= ' ' && c <= '~' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// abridged bounds a text of ASCII to 255 bytes and shows where it was cut.
func abridged(text string) string {
	if len(text) <= maxName {
		return text
	}
	return text[:maxName-len("...")] + "..."
}
