package redact

import (
	"strings"
	"testing"
)

func TestInvalidURL(t *testing.T) {
	for text, want := range map[string]string{
		"nothing": "nothing", " example.com:port/p ": "example.com", "https://user:s3cret@a b.example/": "https://a b.example/",
		"https://user:s3cret#1@a.example/": "https://...", "https://user:s3cret?1@a.example/": "https://...", "https://user:s3cret": "https://user",
		"user:s3cret@a.example": "a.example", "https://a.example/%zz?s3cret#s3cret": "https://a.example/%zz", "a b://c": "a b",
		"ä\x7f": "%C3%A4%7F", strings.Repeat("x", 255): strings.Repeat("x", 255), strings.Repeat("x", 256): strings.Repeat("x", 252) + "...",
	} {
		if got := InvalidURL(text); got != want {
			t.Errorf("InvalidURL(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestASCII(t *testing.T) {
	for text, want := range map[string]string{"": "", "a=b c%20": "a=b c%20", "ü=\n": "%C3%BC=%0A"} {
		if got := ASCII(text); got != want {
			t.Errorf("ASCII(%q) = %q, want %q", text, got, want)
		}
	}
}
