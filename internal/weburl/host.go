package weburl

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"rollcall/internal/guard"
)

// readHost returns a host as it is sent: a name in ASCII, an IPv4 address, or an
// IPv6 address in brackets.
func readHost(text string) (string, error) {
	if strings.HasPrefix(text, "[") {
		return readIPv6(text)
	}
	name := decode(text)
	if ascii, err := toASCII(name); err != nil {
		return "", err
	} else if name, err = guard.HostName(ascii); err != nil {
		return "", err
	}
	if endsInNumber(name) {
		return readIPv4(name)
	}
	return name, nil
}

// domain is how the standard has a name put into ASCII: UTS 46, not
// transitional, without its rules for hyphens and lengths.
var domain = idna.New(
	idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true),
	idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.VerifyDNSLength(false),
)

// toASCII maps a name that is not ASCII. One that is stays, also if its punycode
// is wrong, as a browser would not have it: DNS knows whether there is such a name.
func toASCII(name string) (string, error) {
	for i := range len(name) {
		if name[i] >= 0x80 {
			ascii, err := domain.ToASCII(name)
			if err != nil || !utf8.ValidString(name) {
				return "", ErrPunycode
			}
			return ascii, nil
		}
	}
	return name, nil
}

func readIPv6(text string) (string, error) {
	ip, err := netip.ParseAddr(strings.TrimSuffix(text[1:], "]")) // what has colons and no bracket was cut before
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return "", ErrIPv6
	}
	if ip.Is4In6() { // which netip writes with dots
		b := ip.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15])), nil
	}
	return "[" + ip.String() + "]", nil
}

// endsInNumber reports whether a browser takes a name for an IPv4 address: its
// last label is decimal, or hexadecimal with 0x.
func endsInNumber(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	hex, isHex := strings.CutPrefix(last, "0x")
	if isHex {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// readIPv4 reads one to four numbers, decimal, octal with 0 or hexadecimal with
// 0x; the last one fills the bytes that are left.
func readIPv4(name string) (string, error) {
	parts := strings.Split(strings.TrimSuffix(name, "."), ".")
	if len(parts) > 4 {
		return "", ErrIPv4
	}
	address := uint64(0)
	for i, part := range parts {
		number, err := readNumber(part)
		most := uint64(255)
		if i == len(parts)-1 {
			most = 1<<(8*(5-len(parts))) - 1
		}
		if err != nil || number > most {
			return "", ErrIPv4
		}
		if i < len(parts)-1 {
			number <<= 8 * (3 - i)
		}
		address += number
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), nil
}

func readNumber(text string) (uint64, error) {
	base := 10
	if hex, isHex := strings.CutPrefix(text, "0x"); isHex {
		text, base = hex, 16
	} else if len(text) > 1 && text[0] == '0' {
		text, base = text[1:], 8
	}
	if text == "" && base == 16 { // 0x alone
		return 0, nil
	}
	return strconv.ParseUint(text, base, 64) // which takes no sign, and with a base no underscore
}
