package probe

import "net/http"

// browsers are the headers with which a current release asks for a page, by
// the name that an event's userAgent gives. The releases are those of
// 2026-11-23 by caniuse-lite 1.0.30001826 (Chrome 157, Edge 156, Firefox 160,
// Safari 27.2), in the reduced form that freezes the platform and the minor
// version; the Accept headers are those that each sends for a page.
var browsers = map[string]http.Header{
	"chrome": {
		"User-Agent":      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/157.0.0.0 Safari/537.36"},
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"},
		"Accept-Language": {"en-US,en;q=0.9"},
	},
	"edge": {
		"User-Agent":      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0"},
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"},
		"Accept-Language": {"en-US,en;q=0.9"},
	},
	"firefox": {
		"User-Agent":      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:160.0) Gecko/20100101 Firefox/160.0"},
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en-US,en;q=0.5"},
	},
	"safari": {
		"User-Agent":      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/27.2 Safari/605.1.15"},
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en-US,en;q=0.9"},
	},
}

// introduction is the headers that say who asks, for all who are not a browser. Hops
// share them and never change them.
func introduction(userAgent string) http.Header {
	return http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}}
}
