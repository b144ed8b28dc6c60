package content

import (
	"strings"
	"testing"
	"unicode/utf16"
)

func inUTF16(text string, big bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

func TestText(t *testing.T) {
	const want, latin1 = "Grüße, 5 €", "Gr\xfc\xdfe, 5 \x80"
	long := strings.Repeat(" ", 2000)
	for _, test := range []struct{ name, body, contentType, want string }{
		{"nothing", "", "", ""},
		{"UTF-8", want, "text/html", want},
		{"UTF-8 that begins late", long + want, "text/html", long + want},
		{"said in the header", latin1, "text/html; charset=ISO-8859-1", want},
		{"in quotes, upper case, with more", latin1, `Text/HTML ; x=y; CharSet="Windows-1252"; z`, want},
		{"without a closing quote", latin1, `text/html; charset="latin1`, want},
		{"said twice: the first", latin1, "text/html; charset=latin1; charset=utf-8", want},
		{"another parameter", want, "text/plain; xcharset=latin1", want},
		{"an unknown charset", want, "text/plain; charset=parcels", want},
		{"an unknown charset, and not UTF-8", latin1, "text/plain; charset=parcels", want},
		{"a header that is wrong, as visitors see it", want, "text/html; charset=iso-8859-1", "GrÃ¼ÃŸe, 5 â‚¬"},
		{"Shift JIS", "\x93\xfa\x96{", "text/html; charset=Shift_JIS", "日本"},
		{"Big5", "\xa4\xa4\xa4\xe5", "text/plain; charset=big5", "中文"},
		{"GBK as gb2312", "\xd6\xd0\xce\xc4", "text/plain; charset=gb2312", "中文"},
		{"EUC-KR", "\xc7\xd1", "text/plain; charset=euc-kr", "한"},
		{"KOI8-R", "\xcd\xc9\xd2", "text/plain; charset=koi8-r", "мир"},

		{"a mark", "\xef\xbb\xbf" + want, "text/html", want},
		{"a mark beats the header", "\xef\xbb\xbf" + want, "text/html; charset=latin1", want},
		{"UTF-16, little", "\xff\xfe" + inUTF16(want, false), "text/plain", want},
		{"UTF-16, big", "\xfe\xff" + inUTF16(want, true), "text/plain; charset=utf-16le", want},
		{"UTF-16 by the header", inUTF16(want, false), "text/plain; charset=utf-16", want},
		{"one mark only", "\xef\xbb\xbf\xef\xbb\xbfx", "", "\ufeffx"},
		{"a mark of nothing", "\xef\xbb\xbf", "application/json", ""},

		{"the page says", "<meta charset=iso-8859-1>" + latin1, "text/html", "<meta charset=iso-8859-1>" + want},
		{"the page says Greek", "<meta charset='iso-8859-7'>\xe1", "text/html", "<meta charset='iso-8859-7'>α"},
		{"the page says by http-equiv", `<META HTTP-EQUIV="content-type" CONTENT="text/html; charset=koi8-r">` + "\xcd", "", `<META HTTP-EQUIV="content-type" CONTENT="text/html; charset=koi8-r">м`},
		{"the page says in a comment", "<!-- <meta charset=koi8-r> -->\xfc", "text/html", "<!-- <meta charset=koi8-r> -->ü"},
		{"the page says UTF-16, in ASCII", "<meta charset=utf-16>" + want, "text/html", "<meta charset=utf-16>" + want},
		{"the header beats the page", "<meta charset=koi8-r>" + latin1, "text/html; charset=latin1", "<meta charset=koi8-r>" + want},
		{"the page says too late", long + "<meta charset=koi8-r>\xfc", "text/html", long + "<meta charset=koi8-r>ü"},
		{"what is not a page says", "<meta charset=koi8-r>\xfc", "text/plain", "<meta charset=koi8-r>ü"},
		{"XML says", "<?xml version='1.0' encoding='koi8-r'?>\xcd", "application/rss+xml", "<?xml version='1.0' encoding='koi8-r'?>м"},
		{"XML says UTF-16, in ASCII", "<?xml version='1.0' encoding='UTF-16'?>м", "text/xml", "<?xml version='1.0' encoding='UTF-16'?>м"},
		{"XML in plain text", "<?xml version='1.0' encoding='koi8-r'?>м", "text/plain", "<?xml version='1.0' encoding='koi8-r'?>м"},
		{"XML of an unknown charset", "<?xml version='1.0' encoding='parcels'?>м", "text/xml", "<?xml version='1.0' encoding='parcels'?>м"},
		{"nobody says", latin1, "text/html", want},
		{"nobody says, plain", latin1, "text/plain", want},
		{"bytes", latin1, "application/octet-stream", latin1},
		{"a picture", "\x89PNG\xff", "image/png", "\x89PNG\xff"},

		{"JSON", want, "application/json; charset=iso-8859-1", want},
		{"JSON of its kind", want, "application/problem+json; charset=iso-8859-1", want},
		{"JSON that is not UTF-8", latin1, "application/json; charset=iso-8859-1", want},
		{"JSON that is not UTF-8 and does not say so", latin1, "application/json", latin1},
		{"JSON in UTF-16", inUTF16(`{"a":1}`, false), "application/json; charset=utf-16le", `{"a":1}`},
		{"half a character", "abc\xe2\x82", "text/plain", "abcâ‚"},
	} {
		if got, cut := Text(test.body, test.contentType, false, 1<<20); got != test.want || cut {
			t.Errorf("%s: %q, cut %v; want %q", test.name, got, cut, test.want)
		}
	}
}

// TestTextOfATruncatedBody: half a character at its end is our doing.
func TestTextOfATruncatedBody(t *testing.T) {
	for _, body := range []string{"Gr\xc3", "Grü", "5 \xe2\x82", "\xf0\x9f\x98", "5 €"} {
		if got, _ := Text(body, "text/html", true, 100); got != body {
			t.Errorf("Text(%q) = %q", body, got)
		}
	}
	if got, _ := Text("\xfc\xe2\x82", "text/html", true, 100); got != "üâ‚" {
		t.Errorf("Text = %q, want windows-1252", got)
	}
}

// TestTextIsBounded: a charset may make three bytes of one.
func TestTextIsBounded(t *testing.T) {
	body := strings.Repeat("\x80", 1000)
	for limit, want := range map[int64]bool{2999: true, 3000: false, 3001: false, 10: true} {
		text, cut := Text(body, "text/plain; charset=windows-1252", false, limit)
		if int64(len(text)) != min(limit, 3000) || cut != want {
			t.Errorf("limit %d: %d bytes, cut %v", limit, len(text), cut)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"<meta charset=iso-2022-jp>\x1b$B", "\xff\xfe\x00\xd8", "<?xml encoding='gb18030'?>\x81\x30"} {
		f.Add(s, "text/html")
		f.Add(s, "text/html; charset=hz-gb-2312")
	}
	f.Fuzz(func(t *testing.T, body, contentType string) {
		text, cut := Text(body, contentType, false, 100)
		if cut && len(text) > 100 {
			t.Errorf("%d bytes of %d", len(text), 100)
		}
	})
}
