package redact

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// dressed are the forms in which a server may say a text.
func dressed(text string) map[string]string {
	percent, entities := "", ""
	for _, c := range []byte(text) {
		percent += "%" + strings.ToUpper(hex.EncodeToString([]byte{c}))
		entities += "&#" + strconv.Itoa(int(c)) + ";"
	}
	return map[string]string{
		"plain": text, "upper": strings.ToUpper(text), "quoted": strconv.Quote(text), "html": html.EscapeString(text),
		"path": url.PathEscape(text), "query": url.QueryEscape(text), "query twice": url.QueryEscape(url.QueryEscape(text)),
		"percent": percent, "percent lower": strings.ToLower(percent), "percent twice": strings.ReplaceAll(percent, "%", "%25"), "entities": entities,
		"base64": base64.StdEncoding.EncodeToString([]byte(text)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(text)),
		"base64 after one": base64.StdEncoding.EncodeToString([]byte("x" + text + "y")), "base64 after two": base64.StdEncoding.EncodeToString([]byte("x:" + text + "yy")),
		"base64 lower": strings.ToLower(base64.StdEncoding.EncodeToString([]byte(text))), "base64 escaped": url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text))),
		"hex": hex.EncodeToString([]byte(text)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(text))), "\\x": `\x` + strings.Join(pairs(hex.EncodeToString([]byte(text))), `\x`),
		"\\u": `\u00` + strings.Join(pairs(hex.EncodeToString([]byte(text))), `\u00`), "hex with colons": strings.Join(pairs(hex.EncodeToString([]byte(text))), ":"),
		"backwards": backwards(text), "letters with dots": strings.Join(strings.Split(text, ""), "."),
	}
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func pairs(s string) (all []string) {
	for i := 0; i < len(s); i += 2 {
		all = append(all, s[i:i+2])
	}
	return all
}

// TestValuesInEveryDress: whole or in parts of eight, of each form nothing is
// left but the words around it.
func TestValuesInEveryDress(t *testing.T) {
	for _, value := range []string{"hunter2Topsecret99", `{"k": "v/+w=&x"}; <y>z9`, "pässwörter-größe", "\x00\x01\xfe\xff/?>~~~~", "12345678"} {
		for from := 0; from+leastPart <= len(value); from += 3 {
			for _, part := range []string{value[from:], value[from : from+leastPart]} {
				for name, form := range dressed(part) {
					if name == "upper" && strings.ContainsFunc(part, func(r rune) bool { return r > unicode.MaxASCII }) || (name == "letters with dots" || name == "backwards") && part != hostLabel(part) {
						continue
					}
					secrets := SecretsOf(nil, "", nil, []string{"another-value", value})
					got := secrets.Redact("(( " + form + " ))")
					if !strings.HasPrefix(got, "((") || !strings.HasSuffix(got, "))") || !strings.Contains(got, "…") || visible(got) > 7 {
						t.Errorf("%q as %s (%s): %q", part, name, form, got)
					}
				}
			}
		}
	}
}

// visible counts the letters and digits between "((" and "))".
func visible(text string) (n int) {
	for _, r := range strings.TrimSuffix(strings.TrimPrefix(text, "(("), "))") {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

func TestPartsBelowEight(t *testing.T) {
	secrets := SecretsOf(nil, "", nil, []string{"hunter2Topsecret99"})
	for _, text := range []string{"hunter2", "a hunter2 is too short", "psecret", "https://a.example/done?x=1", "status 200", "68756e74657232"} {
		if got := secrets.Redact(text); got != text {
			t.Errorf("Redact(%q) = %q", text, got)
		}
	}
}

// TestShortValues: of less than eight characters only the whole is redacted, of
// less than four only where it stands alone.
func TestShortValues(t *testing.T) {
	for _, test := range []struct{ value, text, want string }{
		{"s3cr3t7", "the s3cr3t7, xS3CR3T7y and s3cr3t", "the …, … and s3cr3t"},
		{"s3cr3t7", "as " + base64.StdEncoding.EncodeToString([]byte("s3cr3t7")) + " or 73336372337437", "as …== or …"},
		{"abcd", "abcd abc YWJjZA 61626364 a%62cd", "… abc … … …"},
		{"on", "connection on, on/on: once 6f6e", "connection …, …/…: once 6f6e"},
		{"1", "1 of 10", "… of 10"},
		{"", "anything", "anything"},
	} {
		secrets := SecretsOf(nil, "", nil, []string{test.value})
		if got := secrets.Redact(test.text); got != test.want {
			t.Errorf("Redact(%q) of %q = %q, want %q", test.text, test.value, got, test.want)
		}
	}
}

// TestWordsOfWhatAnEventSpells: they are values too, wherever they stand, unless
// the URL shows them.
func TestWordsOfWhatAnEventSpells(t *testing.T) {
	u, _ := url.Parse("https://shop.public-name.example/public-path?v=%7B%22k%22:%22queryvalue%22%7D")
	secrets := SecretsOf(http.Header{
		"Cookie": {"session=cookievalue; a=b"}, "Authorization": {"Token token=tokenvalue"}, "X-Basic": {"basic " + base64.StdEncoding.EncodeToString([]byte("me:pa55w0rd-of-me"))},
		"Origin": {"https://shop.public-name.example"}, "User-Agent": {"agentvalue"},
	}, `{"password": "bodyvalue4711"}`, u, nil)
	for text, want := range map[string]string{
		"/cookievalue/": "/…/", "/tokenvalue": "/…", "/pa55w0rd-of-me": "/…", "/queryvalue": "/…", "/bodyvalue4711": "/…", "/okievalue": "/…",
		base64.StdEncoding.EncodeToString([]byte("cookievalue")): "…=", "https://shop.public-name.example/public-path": "…/shop.public-name.example/public-path",
		"agentvalue": "agentvalue",
	} {
		got := secrets.Redact(text)
		if strings.HasPrefix(text, "https:") { // the whole value of Origin is known by its beginning
			got, want = got[strings.IndexByte(got, '/'):], got[strings.IndexByte(got, '/'):]
		}
		if got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
	of := SecretsOf(http.Header{"Via": {"public-path"}}, "", u, nil)
	of.collect()
	for _, n := range of.values {
		for _, form := range n.forms[0] {
			if form == "public-path" {
				t.Error("what the URL shows is a secret")
			}
		}
	}
}

func TestReferences(t *testing.T) {
	none := SecretsOf(http.Header{"X-Key": {"opensesame"}}, "body", nil, nil)
	some := SecretsOf(nil, "", nil, []string{"x"})
	if none.References() || !none.Any() || !some.References() || !some.Any() {
		t.Errorf("References: %v, %v; Any: %v, %v", none.References(), some.References(), none.Any(), some.Any())
	}
}

// TestLargeSecretsTakeLittleMemory: of a body of 20 MB no copy is made.
func TestLargeSecretsTakeLittleMemory(t *testing.T) {
	for name, body := range map[string]string{"one word": strings.Repeat("x", 20<<20), "many": strings.Repeat("some words ", 2<<20)} {
		secrets := SecretsOf(nil, body, nil, []string{"hunter2Topsecret99"})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := secrets.Redact("said hunter2Topsecret99")
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 || got != "said …" {
			t.Errorf("%s: %d bytes for %q", name, took, got)
		}
	}
}

func TestRedactIsBounded(t *testing.T) {
	secrets := SecretsOf(nil, "", nil, []string{strings.Repeat("0123456789abcdef", 4096)})
	if got := secrets.Redact(strings.Repeat("long ", 1000)); len(got) > maxText {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("hunter2Topsecret99", "x hunter2Topsecret99 %41 \\u0041 &#65; y", 3)
	f.Add("\x00\xff", "\\", 0)
	f.Fuzz(func(t *testing.T, value, text string, from int) {
		secrets := SecretsOf(nil, "", nil, []string{value})
		if got := secrets.Redact(text); len(value) >= leastPart && strings.Contains(got, value) {
			t.Errorf("Redact(%q) = %q", text, got)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	for b.Loop() {
		secrets := SecretsOf(http.Header{"Authorization": {"Bearer hunter2Topsecret99"}}, "", nil, []string{"hunter2Topsecret99"})
		secrets.Redact("https://a.example/some/path/of/a/redirect/that/is/shown")
	}
}
