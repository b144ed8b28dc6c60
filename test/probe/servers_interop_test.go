//go:build interop

package probe_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
)

// A web server starts with a port for TLS 1.2, one for TLS 1.3, and one that
// wants a client certificate. It serves www, and has
//
//   - /moved, which leads to /,
//   - /wall, which leads to itself with a cookie, and then is /,
//   - /error, which is 500.
type web struct {
	name      string
	start     func(t *testing.T, h *house, at places)
	encodings []string // of text.txt
	old       bool     // no HTTP/2
	open      bool     // it can't ask for a client certificate

	// What it does with callers that it does not let in: with those that have no
	// client certificate, and with those of another authority.
	unknown, stranger refusal
}

// A refusal is how a server does not let somebody in.
type refusal int

const (
	byAlert   refusal = iota // or by its end in the handshake
	byStatus                 // 400
	bySilence                // the connection ends after the handshake
)

type places struct{ tls12, tls13, mutual int }

func (p places) all() []int { return []int{p.tls12, p.tls13, p.mutual} }

func (p places) words() []string {
	return []string{"TLS12", strconv.Itoa(p.tls12), "TLS13", strconv.Itoa(p.tls13), "MUTUAL", strconv.Itoa(p.mutual), "HOST", host}
}

func webs() []web {
	return []web{
		{name: "nginx", start: startNginx, encodings: []string{"gzip"}, unknown: byStatus, stranger: byStatus},
		{name: "caddy", start: startCaddy, encodings: []string{"gzip", "zstd"}},
		{name: "h2o", start: startH2O, encodings: []string{"gzip", "br"}, open: true},
		{name: "apache", start: startApache, encodings: []string{"gzip", "br"}},
		{name: "lighttpd", start: startLighttpd, encodings: []string{"gzip", "br", "zstd", "deflate"}, unknown: bySilence},
		{name: "haproxy", start: startHAProxy, encodings: []string{"gzip"}},
		{name: "node", start: startNode, encodings: []string{"gzip", "br"}, stranger: bySilence},
		{name: "java", start: startJava, encodings: []string{"gzip"}, old: true, unknown: bySilence, stranger: bySilence},
	}
}

// nginxHead begins what each nginx here serves: it writes below DIR only.
const nginxHead = `pid DIR/nginx.pid;
error_log stderr error;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
`

// nginxConfig keeps to one process, which reads the house as whoever runs the
// test, and writes nowhere else.
const nginxConfig = `
daemon off;
master_process off;
` + nginxHead + `	types { text/html html; text/plain txt; application/octet-stream bin; }
	gzip on;
	gzip_types text/plain;
	server_name_in_redirect on;
	ssl_certificate DIR/leaf.full;
	ssl_certificate_key DIR/leaf.key;
	ssl_client_certificate DIR/root.pem;
	ssl_verify_depth 3;
	root DIR/www;
	server {
		listen IP:TLS12 ssl http2;
		server_name HOST;
		ssl_protocols TLSv1.2;
		include DIR/nginx.site;
	}
	server {
		listen IP:TLS13 ssl http2;
		server_name HOST;
		ssl_protocols TLSv1.3;
		include DIR/nginx.site;
	}
	server {
		listen IP:MUTUAL ssl http2;
		ssl_verify_client on;
	}
}
`

const nginxSite = `
location = /moved { return 301 /; }
location = /error { return 500; }
location = /wall {
	if ($cookie_seen = "") {
		add_header Set-Cookie "seen=1; Path=/; Secure; HttpOnly";
		return 302 /wall;
	}
	try_files /index.html =404;
}
`

func startNginx(t *testing.T, h *house, at places) {
	h.write(t, "nginx.site", nginxSite)
	config := h.write(t, "nginx.conf", nginxConfig, at.words()...)
	h.must(t, "nginx", at.all(), "-e", "stderr", "-p", h.dir, "-c", config)
}

const caddyConfig = `
{
	admin off
	auto_https off
	storage file_system DIR/caddy
	servers {
		protocols h1 h2
	}
}
(site) {
	bind IP
	root * DIR/www
	encode zstd gzip
	redir /moved / 301
	respond /error 500
	@unseen {
		path /wall
		not header Cookie *seen=1*
	}
	header @unseen +Set-Cookie "seen=1; Path=/; Secure; HttpOnly"
	redir @unseen /wall 302
	rewrite /wall /index.html
	file_server
}
https://HOST:TLS12 {
	tls DIR/leaf.full DIR/leaf.key {
		protocols tls1.2 tls1.2
	}
	import site
}
https://HOST:TLS13 {
	tls DIR/leaf.full DIR/leaf.key {
		protocols tls1.3 tls1.3
	}
	import site
}
https://HOST:MUTUAL {
	tls DIR/leaf.full DIR/leaf.key {
		client_auth {
			mode require_and_verify
			trusted_ca_cert_file DIR/root.pem
		}
	}
	import site
}
`

func startCaddy(t *testing.T, h *house, at places) {
	config := h.write(t, "Caddyfile", caddyConfig, at.words()...)
	h.must(t, "caddy", at.all(), "run", "--config", config, "--adapter", "caddyfile")
}

// h2oConfig is for one port: this h2o can be told the lowest version of TLS
// and not the highest, and knows no client certificates.
const h2oConfig = `
user: USER
error-log: /dev/stderr
num-threads: 1
compress: [ br, gzip ]
listen:
  host: IP
  port: PORT
  ssl:
    certificate-file: DIR/leaf.full
    key-file: DIR/leaf.key
    minimum-version: TLSvLEAST
hosts:
  default:
    paths:
      "/":
        file.dir: DIR/www
      "/moved":
        redirect:
          status: 301
          url: /
      "/wall":
        mruby.handler: |
          Proc.new do |env|
            if env["HTTP_COOKIE"].to_s.include?("seen=1")
              [200, {"content-type" => "text/plain"}, ["hello\n"]]
            else
              [302, {"location" => "/wall", "set-cookie" => "seen=1; Path=/; Secure; HttpOnly"}, []]
            end
          end
      "/error":
        mruby.handler: |
          Proc.new do |env|
            [500, {"content-type" => "text/plain"}, ["an error\n"]]
          end
`

// noTLS13 is a configuration of OpenSSL, which h2o is built on.
const noTLS13 = `
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = limits
[limits]
MaxProtocol = TLSv1.2
`

func startH2O(t *testing.T, h *house, at places) {
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	program, err := find("h2o")
	if err != nil {
		t.Fatal(err)
	}
	config := func(least string, port int) string {
		return h.write(t, "h2o-"+least+".conf", h2oConfig, "LEAST", least, "PORT", strconv.Itoa(port), "USER", who.Username)
	}
	limits := h.write(t, "openssl.conf", noTLS13)
	h.must(t, "env", []int{at.tls12}, "OPENSSL_CONF="+limits, program, "-m", "worker", "-c", config("1.2", at.tls12))
	h.must(t, "h2o", []int{at.tls13}, "-m", "worker", "-c", config("1.3", at.tls13))
}

// apacheConfig: a root's Apache reads what it serves as another user.
const apacheConfig = `
ServerRoot /usr/lib/apache2
DefaultRuntimeDir DIR
PidFile DIR/apache.pid
ErrorLog /dev/stderr
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule mime_module modules/mod_mime.so
LoadModule dir_module modules/mod_dir.so
LoadModule alias_module modules/mod_alias.so
LoadModule rewrite_module modules/mod_rewrite.so
LoadModule filter_module modules/mod_filter.so
LoadModule deflate_module modules/mod_deflate.so
LoadModule brotli_module modules/mod_brotli.so
LoadModule ssl_module modules/mod_ssl.so
LoadModule http2_module modules/mod_http2.so
<IfFile /etc/debian_version>
	User www-data
	Group www-data
</IfFile>
StartServers 1
ServerName HOST
Listen IP:TLS12
Listen IP:TLS13
Listen IP:MUTUAL
Protocols h2 http/1.1
DocumentRoot DIR/www
DirectoryIndex index.html
TypesConfig /dev/null
AddType text/plain .txt
AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/plain
SSLCertificateFile DIR/leaf.full
SSLCertificateKeyFile DIR/leaf.key
SSLCACertificateFile DIR/root.pem
SSLVerifyDepth 3
RewriteEngine on
RewriteOptions InheritDown
RewriteRule ^/moved$ / [R=301,L]
RewriteRule ^/error$ - [R=500,L]
RewriteCond %{HTTP_COOKIE} !seen=1
RewriteRule ^/wall$ /wall [R=302,L,CO=seen:1:HOST]
RewriteRule ^/wall$ /index.html [L]
<VirtualHost IP:TLS12>
	ServerName HOST
	SSLEngine on
	SSLProtocol TLSv1.2
	RewriteEngine on
</VirtualHost>
<VirtualHost IP:TLS13>
	ServerName HOST
	SSLEngine on
	SSLProtocol TLSv1.3
	RewriteEngine on
</VirtualHost>
<VirtualHost IP:MUTUAL>
	ServerName HOST
	SSLEngine on
	SSLVerifyClient require
</VirtualHost>
`

func startApache(t *testing.T, h *house, at places) {
	for _, dir := range []string{filepath.Dir(h.dir), h.dir} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := h.write(t, "apache.conf", apacheConfig, at.words()...)
	h.must(t, "apache2", at.all(), "-f", config, "-DFOREGROUND")
}

// lighttpdConfig has GnuTLS below it, where most others have OpenSSL.
const lighttpdConfig = `
server.modules = ("mod_gnutls", "mod_setenv", "mod_redirect", "mod_rewrite", "mod_cgi", "mod_deflate")
server.document-root = "DIR/www"
server.errorlog = "/dev/stderr"
server.bind = "IP"
server.port = TLS12
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", ".txt" => "text/plain", "" => "application/octet-stream")
deflate.mimetypes = ("text/plain")
deflate.allowed-encodings = ("br", "zstd", "gzip", "deflate")
ssl.engine = "enable"
ssl.pemfile = "DIR/leaf.full"
ssl.privkey = "DIR/leaf.key"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2", "MaxProtocol" => "TLSv1.2")
$SERVER["socket"] == "IP:TLS13" {
	ssl.engine = "enable"
	ssl.pemfile = "DIR/leaf.full"
	ssl.privkey = "DIR/leaf.key"
	ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.3", "MaxProtocol" => "TLSv1.3")
}
$SERVER["socket"] == "IP:MUTUAL" {
	ssl.engine = "enable"
	ssl.pemfile = "DIR/leaf.full"
	ssl.privkey = "DIR/leaf.key"
	ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2", "MaxProtocol" => "TLSv1.3")
	ssl.ca-file = "DIR/root.pem"
	ssl.verifyclient.activate = "enable"
	ssl.verifyclient.enforce = "enable"
	ssl.verifyclient.depth = 3
}
$HTTP["url"] == "/error" { cgi.assign = ("" => "/bin/sh") }
$HTTP["url"] == "/moved" {
	url.redirect = ("" => "/")
	url.redirect-code = 301
}
$HTTP["url"] == "/wall" {
	$HTTP["cookie"] =~ "seen=1" {
		url.rewrite-once = ("" => "/index.html")
	} else {
		url.redirect = ("" => "/wall")
		url.redirect-code = 302
		setenv.add-response-header = ("Set-Cookie" => "seen=1; Path=/; Secure; HttpOnly")
	}
}
`

func startLighttpd(t *testing.T, h *house, at places) {
	h.write(t, "www/error", "echo Status: 500\necho\necho an error\n")
	config := h.write(t, "lighttpd.conf", lighttpdConfig, at.words()...)
	h.must(t, "lighttpd", at.all(), "-D", "-f", config)
}

// haproxyConfig stands before an nginx, over HTTP/1.1.
const haproxyConfig = `
global
	log stderr local0 err
	ssl-server-verify none
defaults
	mode http
	timeout connect 5s
	timeout client 20s
	timeout server 20s
	compression algo gzip
	compression type text/plain
frontend site
	bind IP:TLS12 ssl crt DIR/leaf.all alpn h2,http/1.1 ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2
	bind IP:TLS13 ssl crt DIR/leaf.all alpn h2,http/1.1 ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.3
	bind IP:MUTUAL ssl crt DIR/leaf.all alpn h2,http/1.1 ca-file DIR/root.pem verify required
	http-request redirect location / code 301 if { path /moved }
	http-request return status 500 content-type text/plain string "an error" if { path /error }
	http-request redirect location /wall code 302 set-cookie seen=1 if { path /wall } !{ req.cook(seen) 1 }
	http-request set-path / if { path /wall }
	default_backend files
backend files
	server nginx IP:BACKEND
`

// fileNginx only serves www.
const fileNginx = `
daemon off;
master_process off;
` + nginxHead + `	types { text/html html; text/plain txt; application/octet-stream bin; }
	root DIR/www;
	server { listen IP:BACKEND; }
}
`

func startHAProxy(t *testing.T, h *house, at places) {
	backend := testPorts(1)
	words := append(at.words(), "BACKEND", strconv.Itoa(backend[0]))
	h.must(t, "nginx", backend, "-e", "stderr", "-p", h.dir, "-c", h.write(t, "nginx.conf", fileNginx, words...))
	h.must(t, "haproxy", at.all(), "-db", "-f", h.write(t, "haproxy.cfg", haproxyConfig, words...))
}

func startNode(t *testing.T, h *house, at places) { h.program(t, "node", "server.mjs", at) }

// startJava saves the time in which Java would compile what runs once.
func startJava(t *testing.T, h *house, at places) {
	h.program(t, "java", "Server.java", at, "-XX:TieredStopAtLevel=1", "-Xshare:auto")
}

// program starts a program of testdata, in the language that name runs.
func (h *house) program(t *testing.T, name, file string, at places, options ...string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	arguments := append(options, path, h.dir, here.String())
	for _, port := range at.all() {
		arguments = append(arguments, strconv.Itoa(port))
	}
	h.must(t, name, at.all(), arguments...)
}
