//go:build interop

package probe_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"rollcall/internal/testnet"
	"rollcall/test/faults"
)

// A scenario is a server, how both monitors are configured for it, and what is right.
type scenario struct {
	name     string
	url      string         // of a host of the test network, or http://PLAIN/path
	blackbox map[string]any // its module's part http; nil: it has no way to say it
	rollcall map[string]any // fields of the target
	up       bool           // what is right
	why      string         // where that is not what both say, or not obvious
}

// fields are a module or a target.
type fields = map[string]any

// blackboxScenarios are those of blackbox_exporter's own tests of its HTTP prober.
func blackboxScenarios() []scenario {
	var all []scenario
	add := func(s scenario) { all = append(all, s) }
	is := func(codes ...int) fields { return fields{"valid_status_codes": codes} }
	expect := func(expressions ...string) fields { return fields{"expect": expressions} }
	for _, s := range []struct {
		status int
		valid  []int
		up     bool
	}{{200, nil, true}, {201, nil, true}, {299, nil, true}, {300, nil, false}, {404, nil, false}, {404, []int{200, 404}, true}, {200, []int{200, 404}, true},
		{201, []int{200, 404}, false}, {404, []int{404}, true}, {200, []int{404}, false}} {
		row := scenario{name: fmt.Sprintf("status %d", s.status), url: fmt.Sprintf("http://PLAIN/status/%d", s.status), blackbox: fields{}, up: s.up}
		if s.valid != nil {
			row.name += " where " + strings.Trim(fmt.Sprint(s.valid), "[]") + " is valid"
			row.blackbox = is(s.valid...)
			row.rollcall = expect("status in " + strings.ReplaceAll(fmt.Sprint(s.valid), " ", ", "))
		}
		add(row)
	}
	for _, v := range []struct {
		names []string
		up    bool
	}{{[]string{"1.1"}, true}, {[]string{"1.1", "2"}, true}, {[]string{"2"}, false}} {
		var theirs []string
		for _, n := range v.names {
			theirs = append(theirs, map[string]string{"1.1": "HTTP/1.1", "2": "HTTP/2.0"}[n])
		}
		add(scenario{name: "HTTP/1.1 where HTTP/" + strings.Join(v.names, " or HTTP/") + " is valid", url: "http://PLAIN/text", blackbox: fields{"valid_http_versions": theirs},
			rollcall: expect("http in ['" + strings.Join(v.names, "', '") + "']"), up: v.up})
	}
	for _, encoding := range []string{"identity", "none", "xxx", "br", "deflate", "gzip"} {
		add(scenario{name: "a body in the encoding " + encoding, url: "http://PLAIN/encoded/" + encoding, blackbox: fields{}, up: true})
	}
	add(scenario{name: "a body with status 404", url: "http://PLAIN/status/404", blackbox: fields{}, up: false})
	for _, encoding := range []string{"gzip", "br", "deflate"} {
		add(scenario{name: "the text of a body in the encoding " + encoding, url: "http://PLAIN/encoded/" + encoding, up: true,
			blackbox: fields{"compression": encoding, "fail_if_body_not_matches_regexp": []string{"hello"}}, rollcall: expect("body contains 'hello'")})
	}
	add(scenario{name: "gzip where deflate is wanted", url: "http://PLAIN/encoded/gzip", blackbox: fields{"compression": "deflate"},
		rollcall: expect("header['content-encoding'] == 'deflate'"), up: false})
	for _, accepted := range []string{"gzip", "br, gzip", "*"} {
		add(scenario{name: "gzip, with Accept-Encoding: " + accepted, url: "http://PLAIN/encoded/gzip", up: true,
			blackbox: fields{"compression": "gzip", "headers": fields{"Accept-Encoding": accepted}}, rollcall: fields{"headers": fields{"Accept-Encoding": accepted}, "expect": []string{"body contains 'hello'"}}})
	}
	for _, b := range []struct {
		path string
		up   bool
	}{{"short", true}, {"long", false}, {"short-gzip", true}, {"long-gzip", false}} {
		module := fields{"body_size_limit": "128B"}
		if strings.Contains(b.path, "gzip") {
			module["compression"] = "gzip"
		}
		add(scenario{name: "at most 128 bytes: " + b.path, url: "http://PLAIN/sized/" + b.path, blackbox: module, rollcall: expect("size <= 128"), up: b.up})
	}
	add(scenario{name: "a redirect", url: "http://PLAIN/redirect", blackbox: fields{}, up: true})
	add(scenario{name: "a redirect that is wanted, and not followed", url: "http://PLAIN/redirect", blackbox: fields{"follow_redirects": false, "valid_status_codes": []int{302}},
		rollcall: fields{"redirects": 0, "expect": []string{"status == 302"}}, up: true})
	add(scenario{name: "redirects without end", url: "http://PLAIN/again/1", blackbox: fields{}, up: false})
	add(scenario{name: "a redirect to https", url: "http://PLAIN/secure", blackbox: fields{"tls_config": fields{"ca_file": "ROOT", "server_name": "good.stage.test"}}, up: true})
	add(scenario{name: "a cookie that the redirect's target wants", url: "http://PLAIN/cookie", blackbox: fields{}, up: true})
	add(scenario{name: "POST", url: "http://PLAIN/post", blackbox: fields{"method": "POST"}, rollcall: fields{"method": "POST"}, up: true})
	add(scenario{name: "a body to be sent", url: "http://PLAIN/body", blackbox: fields{"method": "POST", "body": "Test Body"}, rollcall: fields{"method": "POST", "body": "Test Body"}, up: true})
	add(scenario{name: "basic authentication", url: "http://PLAIN/basic", blackbox: fields{"basic_auth": fields{"username": "username", "password": "password"}},
		rollcall: fields{"headers": fields{"Authorization": "Basic dXNlcm5hbWU6cGFzc3dvcmQ="}}, up: true})
	add(scenario{name: "a bearer token", url: "http://PLAIN/bearer", blackbox: fields{"bearer_token": "mysecret"},
		rollcall: fields{"headers": fields{"Authorization": "Bearer mysecret"}}, up: true})
	headers := fields{"Host": "my-secret-vhost.com", "User-Agent": "unsuspicious-user", "Accept-Language": "en-US"}
	add(scenario{name: "headers, and a host of its own", url: "http://PLAIN/headers", blackbox: fields{"headers": headers}, rollcall: fields{"headers": headers}, up: true})
	add(scenario{name: "http where https is wanted", url: "http://PLAIN/text", blackbox: fields{"fail_if_not_ssl": true}, rollcall: expect("url startsWith 'https:'"), up: false})
	add(scenario{name: "closes where https is wanted", url: "http://closing.stage.test", blackbox: fields{"fail_if_not_ssl": true}, rollcall: expect("url startsWith 'https:'"), up: false})
	for _, b := range []struct {
		text           string
		refuse, demand []string
		up             bool
	}{
		{"Bad news: could not connect to database server", []string{"could not connect to database"}, nil, false},
		{"Download the latest version here", []string{"could not connect to database"}, nil, true},
		{"internal error", []string{"could not connect to database", "internal error"}, nil, false},
		{"hello world", []string{"could not connect to database", "internal error"}, nil, true},
		{"Bad news: could not connect to database server", nil, []string{"Download the latest version here"}, false},
		{"Download the latest version here", nil, []string{"Download the latest version here"}, true},
		{"Download the latest version here", nil, []string{"Download the latest version here", "Copyright 2015"}, false},
		{"Download the latest version here. Copyright 2015 Test Inc.", nil, []string{"Download the latest version here", "Copyright 2015"}, true},
	} {
		row := scenario{url: "http://PLAIN/text?text=" + url.QueryEscape(b.text), blackbox: fields{}, up: b.up}
		var expressions []string
		for _, p := range b.refuse {
			expressions = append(expressions, fmt.Sprintf("not (body matches '%s')", p))
		}
		for _, p := range b.demand {
			expressions = append(expressions, fmt.Sprintf("body matches '%s'", p))
		}
		if b.refuse != nil {
			row.name, row.blackbox["fail_if_body_matches_regexp"] = fmt.Sprintf("“%s” without %q", b.text, b.refuse), b.refuse
		} else {
			row.name, row.blackbox["fail_if_body_not_matches_regexp"] = fmt.Sprintf("“%s” with %q", b.text, b.demand), b.demand
		}
		row.rollcall = expect(expressions...)
		add(row)
	}
	cookie := `.*Domain=\\.example\\.com.*`
	for _, h := range []struct {
		refuse          bool
		header, pattern string
		missing         bool // is fine
		values          []string
		rule            string // ours
		up              bool
	}{
		{true, "Content-Type", "text/javascript", false, []string{"text/javascript"}, "not (header['content-type'] matches 'text/javascript')", false},
		{true, "Content-Type", "text/javascript", false, []string{"application/octet-stream"}, "not (header['content-type'] matches 'text/javascript')", true},
		{true, "X-Test", ".*", false, []string{""}, "header['x-test'] != ''", false},
		{true, "X-Test", ".*", false, nil, "header['x-test'] != ''", false},
		{true, "X-Test", ".*", true, nil, "header['x-test'] == ''", true},
		{true, "Set-Cookie", cookie, false, []string{"gid=1; Expires=Tue, 19-Mar-2019 20:08:29 GMT; Domain=.example.com; Path=/"}, "not (header['set-cookie'] matches '" + cookie + "')", false},
		{true, "Set-Cookie", cookie, false, []string{"zz=4; expires=Mon, 01-Jan-1990 00:00:00 GMT; Domain=www.example.com; Path=/", "gid=1; Domain=.example.com; Path=/"}, "not (header['set-cookie'] matches '" + cookie + "')", false},
		{false, "Content-Type", "text/javascript", false, []string{"text/javascript"}, "header['content-type'] matches 'text/javascript'", true},
		{false, "Content-Type", "text/javascript", false, []string{"application/octet-stream"}, "header['content-type'] matches 'text/javascript'", false},
		{false, "X-Test", ".+", false, nil, "header['x-test'] matches '.+'", false},
		{false, "X-Test", ".*", true, nil, "header['x-test'] matches '.*'", true},
		{false, "Set-Cookie", cookie, false, []string{"zz=4; expires=Mon, 01-Jan-1990 00:00:00 GMT; Domain=www.example.com; Path=/"}, "header['set-cookie'] matches '" + cookie + "'", false},
		{false, "Set-Cookie", cookie, false, []string{"zz=4; expires=Mon, 01-Jan-1990 00:00:00 GMT; Domain=www.example.com; Path=/", "gid=1; Domain=.example.com; Path=/"}, "header['set-cookie'] matches '" + cookie + "'", true},
	} {
		query := url.Values{"name": {h.header}, "value": h.values}
		rule := fields{"header": h.header, "regexp": strings.ReplaceAll(h.pattern, `\\`, `\`), "allow_missing": h.missing}
		row := scenario{url: "http://PLAIN/header?" + query.Encode(), blackbox: fields{}, rollcall: expect(h.rule), up: h.up}
		verb := "matches"
		if h.refuse {
			verb = "does not match"
			row.blackbox["fail_if_header_matches"] = []any{rule}
		} else {
			row.blackbox["fail_if_header_not_matches"] = []any{rule}
		}
		row.name = fmt.Sprintf("%s %s `%s`: it is %q", h.header, verb, h.pattern, h.values)
		if h.missing {
			row.name += ", and may be missing"
		}
		add(row)
	}
	add(scenario{name: "a self-signed certificate", url: "https://self-signed.stage.test", blackbox: fields{}, up: false})
	add(scenario{name: "a self-signed certificate, unverified", url: "https://self-signed.stage.test", blackbox: fields{"tls_config": fields{"insecure_skip_verify": true}},
		rollcall: fields{"tls": fields{"insecureSkipVerify": true}}, up: true})
	add(scenario{name: "verification of what is plain http", url: "http://PLAIN/text", blackbox: fields{"tls_config": fields{"insecure_skip_verify": false}}, up: true})
	add(scenario{name: "a certificate for the target's name", url: "https://good.stage.test", blackbox: fields{}, up: true})
	for _, scheme := range []string{"http", "HTTP", "https", "HtTpS", "invalid"} {
		s := scenario{name: "the scheme " + scheme, url: scheme + "://PLAIN/text", blackbox: fields{}, up: scheme != "invalid"}
		if strings.EqualFold(scheme, "https") {
			s.url = scheme + "://good.stage.test"
		}
		add(s)
	}
	return all
}

// badsslScenarios are badssl.com's hosts, by the servers of the test network that
// do the same, with what browsers of today say.
func badsslScenarios() []scenario {
	row := func(name, host string, up bool) scenario {
		return scenario{name: name, url: "https://" + host + ".stage.test", blackbox: fields{}, up: up}
	}
	withSettings := func(s scenario, settings fields, why string) scenario {
		s.rollcall, s.why = settings, why
		return s
	}
	return []scenario{
		row("expired", "expired", false), row("wrong.host", "wrong-name", false), row("self-signed", "self-signed", false),
		row("untrusted-root, superfish, edellroot, dsdtestprovider, preact-cli, webpack-dev-server, captive-portal, mitm-software", "untrusted", false),
		row("incomplete-chain", "no-intermediate", false), row("reversed-chain", "scenario-reversed", true),
		row("no-common-name", "scenario-no-common-name", true), row("no-subject", "scenario-no-subject", true),
		row("1000-sans", "scenario-1000-sans", true),
		row("sha1-2016, sha1-2017", "sha1-leaf", false), row("sha1-intermediate", "sha1-intermediate", false), row("sha256, ecc256", "complete-chain", true),
		row("ecc384", "p384-leaf", true), row("rsa2048", "rsa-leaf", true), row("rsa4096", "scenario-rsa4096", true),
		row("tls-v1-0", "tls10-only", false), row("tls-v1-1", "tls11-only", false), row("tls-v1-2", "tls12-only", true),
		row("ssl-v2, ssl-v3", "scenario-ssl3", false), row("rc4, rc4-md5", "rc4", false), row("3des", "triple-des", false), row("null, dh480, dh512, dh1024, dh2048, dh-small-subgroup, dh-composite", "no-shared-cipher", false),
		row("cbc, mozilla-old, mozilla-intermediate", "scenario-cbc", true), row("mozilla-modern", "tls13-only", true),
		withSettings(row("static-rsa", "rsa-exchange", true), fields{"tls": fields{"cipherSuites": "legacy"}}, "only with `tls.cipherSuites: \"legacy\"`; without, the detail says so"),
		row("client", "client-certificate-13", false), row("client-cert-missing", "client-certificate-400", false),
		row("long-extended-subdomain-name-containing-many-letters-and-dashes", "long-extended-subdomain-name-containing-many-letters-and-dashes", true),
		row("xn--n1aae7f7o", "xn--n1aae7f7o", true),
		{name: "http, http-login, http-password", url: "http://PLAIN/text", blackbox: fields{}, up: true},
		{name: "hsts, upgrade, https-everywhere (from http)", url: "http://PLAIN/secure", blackbox: fields{"tls_config": fields{"ca_file": "ROOT", "server_name": "good.stage.test"}}, up: true},
	}
}

// scenarioServers are those that the test network has not got.
func scenarioServers() []testnet.Server {
	leaf := func(change func(*x509.Certificate)) testnet.Starter {
		return func(n *testnet.Hosts, host string) (*testnet.Host, error) {
			template := testnet.LeafTemplate(host, time.Now())
			template.SerialNumber = big.NewInt(time.Now().UnixNano())
			change(template)
			by := n.Authority.Intermediate
			raw, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, n.Authority.LeafKey.Public(), by.Key)
			if err != nil {
				return nil, err
			}
			certificate := tls.Certificate{Certificate: [][]byte{raw, by.Certificate.Raw}, PrivateKey: n.Authority.LeafKey}
			return testnet.OwnListener(n.Serve(testnet.Page{Name: host}, &tls.Config{Certificates: []tls.Certificate{certificate}}))
		}
	}
	return []testnet.Server{
		{Name: "scenario-no-common-name", Start: leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"somebody"}} })},
		{Name: "scenario-no-subject", Start: leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{} })},
		{Name: "scenario-1000-sans", Start: leaf(func(c *x509.Certificate) {
			for i := range 999 {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("%d.1000-sans.example", i))
			}
		})},
		{Name: "scenario-reversed", Start: func(n *testnet.Hosts, host string) (*testnet.Host, error) {
			good, err := n.Authority.Leaf(host, testnet.Valid)
			if err != nil {
				return nil, err
			}
			turned := *good
			turned.Certificate = [][]byte{good.Certificate[0], n.Authority.Root.Certificate.Raw, good.Certificate[1]}
			return testnet.OwnListener(n.Serve(testnet.Page{Name: host}, &tls.Config{Certificates: []tls.Certificate{turned}}))
		}},
		{Name: "scenario-rsa4096", Start: rsaLeaf},
		{Name: "scenario-ssl3", Start: testnet.OverTCP(testnet.Send("\x15\x03\x00\x00\x02\x02\x28"))}, // handshake_failure
		{Name: "scenario-cbc", Start: testnet.CipherSuites(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)},
	}
}

// scenarioSite is what plain http serves, by path.
func scenarioSite(secure string) http.Handler {
	mux := http.NewServeMux()
	want := func(pattern string, right func(*http.Request) bool) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !right(r) {
				w.WriteHeader(http.StatusBadRequest)
			}
		})
	}
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		w.WriteHeader(code)
		io.WriteString(w, "a body")
	})
	mux.HandleFunc("/text", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.FormValue("text")) })
	mux.HandleFunc("/header", func(w http.ResponseWriter, r *http.Request) {
		for _, v := range r.URL.Query()["value"] {
			w.Header().Add(r.FormValue("name"), v)
		}
	})
	mux.HandleFunc("/encoded/{encoding}", func(w http.ResponseWriter, r *http.Request) {
		text, encoding := strings.Repeat("hello world", 10), r.PathValue("encoding")
		if encoding != "none" {
			w.Header().Set("Content-Encoding", encoding)
		}
		w.Write(packed(encoding, text))
	})
	mux.HandleFunc("/sized/{size}", func(w http.ResponseWriter, r *http.Request) {
		size, encoding, _ := strings.Cut(r.PathValue("size"), "-")
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		w.Write(packed(encoding, strings.Repeat("A", map[string]int{"short": 127, "long": 129}[size])))
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/text", http.StatusFound) })
	mux.HandleFunc("/secure", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secure, http.StatusFound) })
	mux.HandleFunc("/again/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		http.Redirect(w, r, fmt.Sprint("/again/", n+1), http.StatusFound)
	})
	mux.HandleFunc("/cookie", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "somecookie", Value: "cookie", Expires: time.Now().AddDate(1, 0, 0)})
		http.Redirect(w, r, "/cookied", http.StatusFound)
	})
	want("/cookied", func(r *http.Request) bool { return r.Header.Get("Cookie") == "somecookie=cookie" })
	want("/post", func(r *http.Request) bool { return r.Method == "POST" })
	want("/body", func(r *http.Request) bool { b, _ := io.ReadAll(r.Body); return string(b) == "Test Body" })
	want("/basic", func(r *http.Request) bool { u, p, _ := r.BasicAuth(); return u == "username" && p == "password" })
	want("/bearer", func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer mysecret" })
	want("/headers", func(r *http.Request) bool {
		return r.Host == "my-secret-vhost.com" && r.UserAgent() == "unsuspicious-user" && r.Header.Get("Accept-Language") == "en-US"
	})
	return mux
}

// packed is a text in an encoding; one that is unknown leaves it as it is.
func packed(encoding, text string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "deflate":
		w, _ = flate.NewWriter(&b, flate.DefaultCompression) // fails for a level that does not exist
	default:
		return []byte(text)
	}
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// TestScenarios: what Rollcall says of the scenarios of others is right, and the
// document has it, beside what blackbox_exporter says. UPDATE=1 writes it.
func TestScenarios(t *testing.T) {
	n, err := testnet.Start(testnet.Options{
		Servers: slices.Concat(faults.Servers(), scenarioServers()),
		Handlers: map[string]http.Handler{
			"long-extended-subdomain-name-containing-many-letters-and-dashes.stage.test": testnet.Page{Name: "long"},
			"xn--n1aae7f7o.stage.test": testnet.Page{Name: "international"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	roots := filepath.Join(t.TempDir(), "root.pem")
	if err := n.Authority.WriteFile(roots); err != nil {
		t.Fatal(err)
	}
	secure, _ := n.Ported("https://good.stage.test/")
	at, err := url.Parse(secure)
	if err != nil {
		t.Fatal(err)
	}
	at.Host = "127.0.0.1:" + at.Port() // as blackbox_exporter knows no other name, and both have to follow it
	n.Handle("127.0.0.1", testnet.Page{Name: "the same"})
	plain := httptest.NewServer(scenarioSite(at.String()))
	defer plain.Close()
	document := "../../docs/scenarios.md"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, scenarios := range map[string][]scenario{"blackbox": blackboxScenarios(), "badssl": badsslScenarios()} {
		table := judgeScenarios(t, n, plain.Listener.Addr().String(), roots, scenarios)
		begin, end := fmt.Sprintf("<!-- begin %s -->\n", name), fmt.Sprintf("<!-- end %s -->\n", name)
		before, rest, found := strings.Cut(string(text), begin)
		old, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("%s has no place for %s", document, name)
		}
		if old != table && os.Getenv("UPDATE") == "" {
			t.Errorf("%s is not what was found, which UPDATE=1 writes:\n%s", document, table)
		}
		text = []byte(before + begin + table + end + after)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(document, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// judgeScenarios runs both monitors over the scenarios, and returns a table.
func judgeScenarios(t *testing.T, n *testnet.Net, plain, roots string, scenarios []scenario) string {
	t.Helper()
	modules, targets := map[string]any{}, []fields{}
	theirs := make([]string, len(scenarios))
	for i, s := range scenarios {
		name := fmt.Sprint("m", i)
		raw := strings.Replace(s.url, "PLAIN", plain, 1)
		target := fields{"name": name, "url": raw, "retries": 0}
		module := fields{"preferred_ip_protocol": "ip4", "tls_config": fields{"ca_file": roots}}
		if !strings.Contains(s.url, "PLAIN") {
			u, err := url.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			port, known := n.Hosts.Port(u.Scheme, u.Hostname())
			if !known {
				t.Fatalf("there is no %s", u.Hostname())
			}
			scheme, _, _ := strings.Cut(raw, "://") // as it is written
			host := fmt.Sprintf("%s:%d", u.Hostname(), port)
			target["url"] = scheme + "://" + host + "/"
			raw = fmt.Sprintf("%s://127.0.0.1:%d/", scheme, port) // blackbox_exporter would ask the machine's resolver
			module["headers"] = fields{"Host": host}
			module["tls_config"] = fields{"ca_file": roots, "server_name": u.Hostname()}
		}
		for key, value := range s.rollcall {
			target[key] = value
		}
		for key, value := range s.blackbox {
			if own, ok := value.(fields); key == "tls_config" && ok {
				merged := fields{}
				for k, v := range module["tls_config"].(fields) {
					merged[k] = v
				}
				for k, v := range own {
					merged[k] = v
				}
				if merged["ca_file"] == "ROOT" {
					merged["ca_file"] = roots
				}
				value = merged
			}
			module[key] = value
		}
		targets = append(targets, target)
		modules[name] = fields{"prober": "http", "timeout": "5s", "http": module}
		theirs[i] = raw
	}
	blackbox := askBlackbox(t, modules, theirs)
	ours := askRollcall(t, n, targets)
	var b strings.Builder
	b.WriteString("| Scenario | blackbox_exporter | Rollcall |\n|---|---|---|\n")
	for i, s := range scenarios {
		got := ours[fmt.Sprint("m", i)]
		if (got.State == "up") != s.up {
			t.Errorf("%s: Rollcall says %s, %s: %s; up is %v", s.name, got.State, got.Reason, got.Detail, s.up)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.ReplaceAll(s.name, "|", "\\|"), verdict(blackbox[i], s.up), describe(got, s))
	}
	return b.String()
}

func verdict(up, right bool) string {
	word := map[bool]string{true: "up", false: "down"}[up]
	if up != right {
		return word + " (wrong)"
	}
	return word
}

// An opinion is what Rollcall says of a target.
type opinion struct{ Name, State, Reason, Detail string }

// describe is an opinion without what differs from run to run.
func describe(o opinion, s scenario) string {
	text := o.State
	if o.Reason != "ok" {
		text += ", `" + o.Reason + "`"
	}
	if s.why != "" {
		text += " (" + s.why + ")"
	}
	return text
}

// askBlackbox returns whether Debian's exporter finds each URL up, with module m0 for
// the first.
func askBlackbox(t *testing.T, modules map[string]any, urls []string) []bool {
	t.Helper()
	h, ports := newTestHouse(t), testPorts(1)
	config, err := json.Marshal(fields{"modules": modules}) // which is YAML, too
	if err != nil {
		t.Fatal(err)
	}
	h.must(t, "prometheus-blackbox-exporter", ports, "--config.file="+h.write(t, "blackbox.yml", string(config)), "--web.listen-address="+address(ports[0]), "--log.level=error")
	found := make([]bool, len(urls))
	for i, u := range urls {
		query := url.Values{"target": {u}, "module": {fmt.Sprint("m", i)}}
		res, err := http.Get("http://" + address(ports[0]) + "/probe?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %v, %d: %s", u, err, res.StatusCode, text)
		}
		found[i] = strings.Contains(string(text), "\nprobe_success 1\n")
	}
	return found
}

// askRollcall returns what the compiled program says of targets, by their names.
func askRollcall(t *testing.T, n *testnet.Net, targets []fields) map[string]opinion {
	t.Helper()
	program := filepath.Join(t.TempDir(), "rollcall")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/rollcall")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	event, err := json.Marshal(fields{"urls": targets})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "check", "--event", "-", "--format", "json")
	cmd.Stdin, cmd.Env = bytes.NewReader(event), append(os.Environ(), n.Env()...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var s struct{ Results []opinion }
	if json.Unmarshal(out, &s) != nil || len(s.Results) != len(targets) {
		t.Fatalf("%v: %s", err, &stderr)
	}
	found := map[string]opinion{}
	for _, r := range s.Results {
		found[r.Name] = r
	}
	return found
}

// rsaLeaf has a key of 4096 bits.
func rsaLeaf(n *testnet.Hosts, host string) (*testnet.Host, error) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		return nil, err
	}
	template := testnet.LeafTemplate(host, time.Now())
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	by := n.Authority.Intermediate
	raw, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.Key)
	if err != nil {
		return nil, err
	}
	certificate := tls.Certificate{Certificate: [][]byte{raw, by.Certificate.Raw}, PrivateKey: key}
	return testnet.OwnListener(n.Serve(testnet.Page{Name: host}, &tls.Config{Certificates: []tls.Certificate{certificate}}))
}
