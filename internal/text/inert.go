package text

import (
	"bytes"
	"strings"
)

// Inert breaks up what a pipeline takes for a command where it reads a log:
// ##vso[…] and ##[…] anywhere in a line (Azure Pipelines, GitHub Actions), and
// ::set-output …:: at its start (GitHub Actions), where a line that is wrapped
// may put it. A blank goes between: "# #vso[…]", ": :set-output". Addresses of
// IPv6 stay as they are.
func Inert(s string) string {
	if !strings.Contains(s, "##") && !strings.Contains(s, "::") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if i+1 < len(s) && s[i+1] == s[i] && (s[i] == '#' || s[i] == ':' && isCommand(s[i+1:])) {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// isCommand reports whether colons and a word follow that is not hexadecimal
// digits alone, as in an address of IPv6.
func isCommand(s string) bool {
	s = strings.TrimLeft(s, ":")
	end := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
	if end >= 0 {
		s = s[:end]
	}
	return strings.Trim(s, "0123456789abcdefABCDEF") != ""
}

// InertJSON is [Inert] of encoded JSON, which still means the same: there one #
// of two is escaped. Nothing of it is at a line's start, so :: commands nothing.
func InertJSON(encoded []byte) []byte {
	if !bytes.Contains(encoded, []byte("##")) {
		return encoded
	}
	return bytes.ReplaceAll(encoded, []byte("##"), []byte(`#\u0023`))
}
