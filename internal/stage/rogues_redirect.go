package stage

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// redirectRogues redirect well, too often, or in a circle.
func redirectRogues() []rogue {
	rows := []rogue{
		{name: "redirecting", description: "two redirects, then a page", beside: "redirect-loop redirect-loop-two", start: shared(redirecting)},
		{name: "redirect-chain-10", description: "ten redirects, then a page", beside: "redirect-chain-11 redirect-endless", start: shared(chain(10))},
		{name: "redirect-chain-11", description: "eleven redirects, then a page", start: shared(chain(11))},
		{name: "redirect-endless", description: "redirects from page to page without end", start: shared(chain(1 << 30))},
		{name: "redirect-loop", description: "redirects to itself", start: shared(looping)},
		{name: "redirect-loop-two", description: "redirects in a circle of two pages", start: shared(circling)},
		{name: "redirect-endless-body", description: "redirects, with a body without end, to good.stage.test", beside: "redirect-endless",
			start: leads(http.StatusFound, to("good.stage.test", "/"), endlessly)},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		rows = append(rows, rogue{
			name: fmt.Sprint("redirect-", status), description: fmt.Sprintf("redirects to good.stage.test with %d", status),
			beside: "redirect-refused redirect-not-found redirect-blocked redirect-private redirect-expired",
			start:  leads(status, to("good.stage.test", "/"), briefly),
		})
	}
	return rows
}

// locationRogues redirect to what is no usable place, or nearly.
func locationRogues() []rogue {
	raw := func(location string) starter {
		return leads(http.StatusFound, func(*internet, *http.Request) string { return location }, briefly)
	}
	return []rogue{
		{name: "redirect-no-location", description: "redirects without saying where to", start: shared(fixed(http.StatusFound))},
		{name: "redirect-empty-location", description: "redirects to nothing", start: raw("")},
		{name: "redirect-ftp", description: "redirects to FTP", start: raw("ftp://good.stage.test/")},
		{name: "redirect-javascript", description: "redirects to a script", start: raw("javascript:alert(document.cookie)")},
		{name: "redirect-no-host", description: "redirects to a URL without a host", start: raw("https:///path")},
		{name: "redirect-unparsable", description: "redirects to what is no URL", start: raw("https://[good.stage.test/%zz")},
		{name: "redirect-control", description: "redirects to a URL with control characters", start: raw("/\x1b[31m\x7f")},
		{name: "redirect-bad-port", description: "redirects to a port that is none", start: raw("https://good.stage.test:99999/")},
		{name: "redirect-relative", description: "redirects to a relative path",
			beside: "redirect-no-location redirect-empty-location redirect-unparsable redirect-bad-port redirect-control", start: shared(relative("arrived"))},
		{name: "redirect-scheme-relative", description: "redirects to a URL without a scheme",
			beside: "redirect-ftp redirect-javascript redirect-no-host", start: shared(schemeless)},
		{name: "redirect-fragment", description: "redirects to a URL with a fragment",
			beside: "redirect-unparsable", start: shared(relative("/arrived#part"))},
	}
}

// otherOriginRogues redirect to another origin: one that may be asked, one that
// fails, or one that nobody may be made to ask.
func otherOriginRogues() []rogue {
	found := func(d destination) starter { return leads(http.StatusFound, d, briefly) }
	return []rogue{
		{name: "recorder", description: "remembers who asked, and answers", beside: "redirect-insecure", start: recording},
		{name: "redirect-recorder", description: "redirects to recorder.stage.test with 307, which keeps method and body",
			beside: "redirect-insecure", start: leads(http.StatusTemporaryRedirect, to("recorder.stage.test", "/?from=redirect"), briefly)},
		{name: "redirect-cookie", description: "sets a cookie for all of stage.test and redirects to recorder.stage.test",
			beside: "redirect-insecure", start: leads(http.StatusFound, to("recorder.stage.test", "/"), withCookie)},
		{name: "redirect-secret", description: "redirects to a URL with user information and a query, on recorder.stage.test",
			beside: "redirect-insecure", start: found(secretive)},
		{name: "redirect-insecure", description: "redirects from https to http", start: found(overScheme("http"))},
		{name: "redirect-secure", description: "redirects from http to https; asked by https it answers", beside: "redirect-insecure", start: upgrading},
		{name: "redirect-refused", description: "redirects to a port that refuses", start: found(to("refusing.stage.test", "/"))},
		{name: "redirect-not-found", description: "redirects to a name that does not exist", start: found(fixedly("nxdomain.stage.test"))},
		{name: "redirect-expired", description: "redirects to an expired certificate", start: found(to("expired.stage.test", "/"))},
		{name: "redirect-blocked", description: "redirects to the address of cloud metadata", start: found(fixedly("169.254.169.254"))},
		{name: "redirect-private", description: "redirects to a private address", start: found(fixedly("10.0.0.1"))},
	}
}

// A destination says where a redirect leads.
type destination func(n *internet, r *http.Request) string

// leads redirects, with a body by write.
func leads(status int, d destination, write http.HandlerFunc) starter {
	return func(n *internet, host string) (*site, error) {
		return shared(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{d(n, r)}
			write(&withStatus{w, status}, r)
		})(n, host)
	}
}

// withStatus answers with another status than the one that is written.
type withStatus struct {
	http.ResponseWriter
	status int
}

// WriteHeader writes the head with the other status.
func (w *withStatus) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.status) }

func briefly(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusFound, "moved") }

func withCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "set-by-the-stage", Domain: "stage.test"})
	briefly(w, r)
}

func endlessly(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusFound)
	for text := []byte(strings.Repeat(phrase, 256)); ; {
		if _, err := w.Write(text); err != nil {
			return
		}
	}
}

// to leads to a host of the stage, by the scheme of the request.
func to(host, path string) destination {
	return func(n *internet, r *http.Request) string { return n.url(scheme(r), "", host, path) }
}

// overScheme leads to good.stage.test by a scheme.
func overScheme(scheme string) destination {
	return func(n *internet, _ *http.Request) string { return n.url(scheme, "", "good.stage.test", "/") }
}

// fixedly leads to a host that nothing of the stage listens for.
func fixedly(host string) destination {
	return func(_ *internet, r *http.Request) string { return scheme(r) + "://" + host + "/" }
}

func secretive(n *internet, r *http.Request) string {
	return n.url(scheme(r), "stage-user:stage-password@", "recorder.stage.test", "/path?token=stage-token")
}

// url is a URL with the port at which host answers.
func (n *internet) url(scheme, user, host, path string) string {
	port, _ := n.port(scheme, host)
	return scheme + "://" + user + host + ":" + strconv.Itoa(int(port)) + path
}

func scheme(r *http.Request) string {
	if r.TLS == nil {
		return "http"
	}
	return "https"
}

// upgrading leads from http to itself by https.
func upgrading(n *internet, host string) (*site, error) {
	return shared(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			answer(w, http.StatusOK, host)
			return
		}
		w.Header().Set("Location", n.url("https", "", host, "/"))
		answer(w, http.StatusMovedPermanently, "moved")
	})(n, host)
}

// redirecting leads from any path over /second to /last, by whole URLs that
// keep the port.
func redirecting(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/last":
		answer(w, http.StatusOK, "the last of three")
	case "/second":
		redirect(w, r, "/last")
	default:
		redirect(w, r, "/second")
	}
}

// chain leads from / over /1 and /2 to /length.
func chain(length int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		at, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if at >= length {
			answer(w, http.StatusOK, "the end of the chain")
			return
		}
		redirect(w, r, "/"+strconv.Itoa(at+1))
	}
}

func looping(w http.ResponseWriter, r *http.Request) { redirect(w, r, r.URL.Path) }

func circling(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		redirect(w, r, "/other")
		return
	}
	redirect(w, r, "/")
}

// relative leads to a place that ends in "arrived", by a reference.
func relative(reference string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "arrived") {
			answer(w, http.StatusOK, "arrived")
			return
		}
		w.Header().Set("Location", reference)
		answer(w, http.StatusFound, "moved")
	}
}

func schemeless(w http.ResponseWriter, r *http.Request) { relative("//"+r.Host+"/arrived")(w, r) }

func redirect(w http.ResponseWriter, r *http.Request, path string) {
	w.Header().Set("Location", scheme(r)+"://"+r.Host+path)
	answer(w, http.StatusMovedPermanently, "moved")
}
