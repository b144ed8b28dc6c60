package faults

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"rollcall/internal/testnet"
)

// redirectFaults redirect well, too often, or in a circle.
func redirectFaults() []testnet.Server {
	rows := []testnet.Server{
		{Name: "redirect-chain-10", Description: "ten redirects, then a page", CounterpartOf: "redirect-chain-11 redirect-endless", Start: testnet.Shared(chain(10))},
		{Name: "redirect-chain-11", Description: "eleven redirects, then a page", Start: testnet.Shared(chain(11))},
		{Name: "redirect-endless", Description: "redirects from page to page without end", Start: testnet.Shared(chain(1 << 30))},
		{Name: "redirect-loop-two", Description: "redirects in a circle of two pages", Start: testnet.Shared(loopOfTwo)},
		{Name: "redirect-endless-body", Description: "redirects, with a body without end, to good.stage.test", CounterpartOf: "redirect-endless",
			Start: testnet.Redirects(http.StatusFound, to("good.stage.test", "/"), endlessBody)},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		rows = append(rows, testnet.Server{
			Name: fmt.Sprint("redirect-", status), Description: fmt.Sprintf("redirects to good.stage.test with %d", status),
			CounterpartOf: "redirect-refused redirect-not-found redirect-blocked redirect-private redirect-expired",
			Start:         testnet.Redirects(status, to("good.stage.test", "/"), testnet.ShortBody),
		})
	}
	return rows
}

// locationFaults redirect to what cannot be reached, or nearly.
func locationFaults() []testnet.Server {
	raw := func(location string) testnet.Starter {
		return testnet.Redirects(http.StatusFound, func(*testnet.Hosts, *http.Request) string { return location }, testnet.ShortBody)
	}
	return []testnet.Server{
		{Name: "redirect-empty-location", Description: "redirects to nothing", Start: raw("")},
		{Name: "redirect-ftp", Description: "redirects to FTP", Start: raw("ftp://good.stage.test/")},
		{Name: "redirect-javascript", Description: "redirects to a script", Start: raw("javascript:alert(document.cookie)")},
		{Name: "redirect-no-host", Description: "redirects to a URL without a host", Start: raw("https:///?path")},
		{Name: "redirect-unparsable", Description: "redirects to what is not a URL", Start: raw("https://[good.stage.test/%zz")},
		{Name: "redirect-control", Description: "redirects to a URL with control characters", Start: raw("/\x1b[31m\x7f")},
		{Name: "redirect-bad-port", Description: "redirects to a port that is none", Start: raw("https://good.stage.test:99999/")},
		{Name: "redirect-relative", Description: "redirects to a relative path",
			CounterpartOf: "redirect-no-location redirect-empty-location redirect-unparsable redirect-bad-port redirect-control", Start: testnet.Shared(relative("arrived"))},
		{Name: "redirect-scheme-relative", Description: "redirects to a URL without a scheme",
			CounterpartOf: "redirect-ftp redirect-javascript redirect-no-host", Start: testnet.Shared(schemeRelative)},
		{Name: "redirect-fragment", Description: "redirects to a URL with a fragment",
			CounterpartOf: "redirect-unparsable", Start: testnet.Shared(relative("/arrived#part"))},
	}
}

// otherOriginFaults redirect to another origin: one that may be asked, one that
// fails, or one that must not be asked.
func otherOriginFaults() []testnet.Server {
	found := func(d testnet.Destination) testnet.Starter {
		return testnet.Redirects(http.StatusFound, d, testnet.ShortBody)
	}
	return []testnet.Server{
		{Name: "recorder", Description: "remembers who asked, and responds", CounterpartOf: "redirect-insecure", Start: recording},
		{Name: "redirect-recorder", Description: "redirects to recorder.stage.test with 307, which keeps method and body",
			CounterpartOf: "redirect-insecure", Start: testnet.Redirects(http.StatusTemporaryRedirect, to("recorder.stage.test", "/?from=redirect"), testnet.ShortBody)},
		{Name: "redirect-cookie", Description: "sets a cookie for all of stage.test and redirects to recorder.stage.test",
			CounterpartOf: "redirect-insecure", Start: testnet.Redirects(http.StatusFound, to("recorder.stage.test", "/"), setCookie)},
		{Name: "redirect-secret", Description: "redirects to a URL with user information and a query, on recorder.stage.test",
			CounterpartOf: "redirect-insecure", Start: found(toSecretURL)},
		{Name: "redirect-secure", Description: "redirects from http to https; with https it responds", CounterpartOf: "redirect-insecure", Start: toHTTPS},
		{Name: "redirect-refused", Description: "redirects to a port that refuses", Start: found(to("refusing.stage.test", "/"))},
		{Name: "redirect-not-found", Description: "redirects to a name that does not exist", Start: found(toUnknown("nxdomain.stage.test"))},
		{Name: "redirect-expired", Description: "redirects to an expired certificate", Start: found(to("expired.stage.test", "/"))},
		{Name: "redirect-blocked", Description: "redirects to the address of cloud metadata", Start: found(toUnknown("169.254.169.254"))},
		{Name: "redirect-private", Description: "redirects to a private address", Start: found(toUnknown("10.0.0.1"))},
	}
}

func setCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "set-by-testnet", Domain: "stage.test"})
	testnet.ShortBody(w, r)
}

func endlessBody(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusFound)
	for text := []byte(strings.Repeat(phrase, 256)); ; {
		if _, err := w.Write(text); err != nil {
			return
		}
	}
}

// to leads to a host of the test network, by the scheme of the request.
func to(host, path string) testnet.Destination {
	return func(n *testnet.Hosts, r *http.Request) string { return n.URL(testnet.Scheme(r), "", host, path) }
}

// toUnknown leads to a host that nothing on the test network listens for.
func toUnknown(host string) testnet.Destination {
	return func(_ *testnet.Hosts, r *http.Request) string { return testnet.Scheme(r) + "://" + host + "/" }
}

func toSecretURL(n *testnet.Hosts, r *http.Request) string {
	return n.URL(testnet.Scheme(r), "some-user:some-password@", "recorder.stage.test", "/path?token=some-token")
}

// toHTTPS leads from http to itself by https.
func toHTTPS(n *testnet.Hosts, host string) (*testnet.Host, error) {
	return testnet.Shared(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			testnet.Respond(w, http.StatusOK, host)
			return
		}
		w.Header().Set("Location", n.URL("https", "", host, "/"))
		testnet.Respond(w, http.StatusMovedPermanently, "moved")
	})(n, host)
}

// chain leads from / over /1 and /2 to /length.
func chain(length int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		at, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if at >= length {
			testnet.Respond(w, http.StatusOK, "the end of the chain")
			return
		}
		testnet.Redirect(w, r, "/"+strconv.Itoa(at+1))
	}
}

func loopOfTwo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		testnet.Redirect(w, r, "/other")
		return
	}
	testnet.Redirect(w, r, "/")
}

// relative leads to a place that ends in "arrived", by a reference.
func relative(reference string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "arrived") {
			testnet.Respond(w, http.StatusOK, "arrived")
			return
		}
		w.Header().Set("Location", reference)
		testnet.Respond(w, http.StatusFound, "moved")
	}
}

func schemeRelative(w http.ResponseWriter, r *http.Request) { relative("//"+r.Host+"/arrived")(w, r) }
