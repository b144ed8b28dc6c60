package probe

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// endOfHead is where the first blank line of b ends; 0: it is not there.
func endOfHead(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			return i + 1
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return i + 2
		}
	}
}

// repair returns a head as net/http takes it, and what was wrong with it; nil and
// nothing if there is nothing to repair, or it is not a whole head.
func repair(head []byte) (repaired []byte, warnings []string) {
	if !bytes.HasPrefix(head, []byte("HTTP/1.")) || ordinary(head) || endOfHead(head) == 0 {
		return nil, nil
	}
	warn := func(text string) {
		if !slices.Contains(warnings, text) {
			warnings = append(warnings, text)
		}
	}
	lines := strings.Split(string(head), "\n")
	var fields [][2]string // name and value
	kept := false          // the line before, which the next one may go on
	for _, line := range lines[1 : len(lines)-2] {
		line = strings.TrimSuffix(line, "\r")
		name, value, colon := strings.Cut(line, ":")
		bare := strings.TrimRight(name, " \t")
		switch {
		case line[0] == ' ' || line[0] == '\t': // a blank line would be the end
			if kept {
				warn("a header goes on in a second line, which is obsolete")
				fields[len(fields)-1][1] += " " + strings.TrimSpace(line)
			} else {
				warn("a header line begins with a blank: it was ignored")
			}
			continue
		case !colon:
			warn("a header line has no colon: it was ignored")
		case !httpguts.ValidHeaderFieldName(bare):
			warn("a header's name has invalid characters: it was ignored")
		default:
			if bare != name {
				warn("there is a blank between a header's name and its colon")
			}
			fields = append(fields, [2]string{bare, strings.TrimSpace(value)})
			kept = true
			continue
		}
		kept = false
	}
	fields = repairCodings(fields, warn)
	var b bytes.Buffer
	b.WriteString(lines[0] + "\n")
	for _, f := range fields {
		b.WriteString(f[0] + ": ")
		if number := sameNumber(f[1]); number != f[1] && strings.EqualFold(f[0], "Content-Length") {
			warn("Content-Length is given twice in one line")
			f[1] = number
		}
		for _, c := range []byte(f[1]) {
			switch {
			case c == 0 || c >= ' ' && c != 0x7f || c == '\t': // 0 no browser takes: net/http refuses it
				b.WriteByte(c)
				continue
			case strings.EqualFold(f[0], "Location"): // as a URL is read
				fmt.Fprintf(&b, "%%%02X", c)
			default:
				b.WriteByte(' ')
			}
			warn("a header has control characters")
		}
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	if len(warnings) == 0 {
		return nil, nil
	}
	return b.Bytes(), warnings
}

// repairCodings leaves one Transfer-Encoding, which is chunked, or none, where all
// others are identity, empty, or the same again.
func repairCodings(fields [][2]string, warn func(string)) [][2]string {
	is := func(f [2]string) bool { return strings.EqualFold(f[0], "Transfer-Encoding") }
	var all []string
	for _, f := range fields {
		if is(f) {
			all = append(all, strings.Split(strings.ToLower(f[1]), ",")...)
		}
	}
	chunked := false
	for _, coding := range all {
		switch strings.TrimSpace(coding) {
		case "", "identity":
		case "chunked":
			chunked = true
		default: // which can't be undone
			return fields
		}
	}
	if len(all) == 0 || len(all) == 1 && chunked {
		return fields
	}
	warn("Transfer-Encoding is identity, empty, or chunked more than once")
	fields = slices.DeleteFunc(fields, is)
	if chunked {
		fields = append(fields, [2]string{"Transfer-Encoding", "chunked"})
	}
	return fields
}

// sameNumber is the number of a list that repeats it (RFC 9110, 8.6), else the
// value as it is.
func sameNumber(value string) string {
	first, rest, _ := strings.Cut(value, ",")
	first = strings.TrimSpace(first)
	if _, err := strconv.ParseUint(first, 10, 63); err != nil || rest == "" {
		return value
	}
	for n := range strings.SplitSeq(rest, ",") {
		if strings.TrimSpace(n) != first {
			return value
		}
	}
	return first
}

// ordinary reports whether net/http reads a head as it is: as nearly all are.
func ordinary(head []byte) bool {
	_, rest, _ := bytes.Cut(head, []byte("\n"))
	coded := false
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
			return true
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return false
		}
		name, value := line[:colon], line[colon+1:]
		for _, c := range name {
			if !httpguts.IsTokenRune(rune(c)) {
				return false
			}
		}
		for _, c := range value {
			if c < ' ' && c != '\t' || c == 0x7f {
				return false
			}
		}
		switch {
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if coded || !bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked")) {
				return false
			}
			coded = true
		case bytes.EqualFold(name, []byte("Content-Length")) && bytes.IndexByte(value, ',') >= 0:
			return false
		}
	}
	return false
}
