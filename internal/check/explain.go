package check

// An Explanation says what a reason means to whoever is woken by it. A pair of
// backquotes encloses code; there is no other markup.
type Explanation struct {
	Meaning string // what was seen, and whether it was confirmed
	Cause   string // the usual causes
	Action  string // where to look first
}

// Explain returns what there is to say of a reason. docs/reasons.md has the
// same words; a test compares them.
func (r Reason) Explain() Explanation {
	if r >= reasons {
		return Explanation{}
	}
	return explanations[r]
}

var explanations = [reasons]Explanation{
	OK: {
		Meaning: "The whole response arrived, and every expectation is true.",
		Cause:   "All is well.",
		Action:  "Nothing. If the result says `flaky`, there was a failed attempt before: `attempts` has their number.",
	},
	DNSNotFound: {
		Meaning: "The name does not exist, or has no address, or none of the family in `ip`. Not confirmed: the resolver is sure.",
		Cause:   "A typo in the URL, a record that was removed, a domain that has expired; or a private name that this resolver does not know.",
		Action:  "Query the resolver that the function uses (`dig name`). For a private name set `ROLLCALL_DNS`, or run in the VPC that knows it.",
	},
	DNSTemporary: {
		Meaning: "The resolver reported a failure: SERVFAIL, REFUSED, or a message that can't be read. Confirmed.",
		Cause:   "The domain's name servers do not respond to the resolver, or its DNSSEC signatures are broken.",
		Action:  "Query another resolver. If it knows the name, the first resolver fails; if not, the domain does.",
	},
	DNSTimeout: {
		Meaning: "The resolver did not respond. Confirmed.",
		Cause:   "The resolver can't be reached or drops queries. A VPC's drops what exceeds 1,024 packets a second.",
		Action:  "If many targets have it at the same time, look at the resolver and lower `ROLLCALL_DNS_RATE`. If one has it, look at the domain's name servers.",
	},
	BlockedAddress: {
		Meaning: "The address guard refused every address of the name. No connection was made. Not confirmed. In a terminal the target is `not_checked`.",
		Cause:   "The target is in a private network; or someone tries to make the monitor call an address that it must not call.",
		Action:  "If it is intended, allow its network with `ROLLCALL_ALLOW`, in a terminal with `--allow`. Link-local addresses and Lambda's own API are always refused.",
	},
	ConnectionRefused: {
		Meaning: "The server sent a TCP reset in reply to the connection request. Confirmed.",
		Cause:   "Nothing listens on that port: the service has stopped, or listens elsewhere. Or a firewall refuses.",
		Action:  "Check that the service runs and which port it listens on; then look at the firewalls and load balancers before it.",
	},
	ConnectionReset: {
		Meaning: "The connection was made, and reset before the end of the response. The phase says when. Confirmed.",
		Cause:   "The server, or something before it, crashed, is overloaded, or rejects the request.",
		Action:  "Look for errors in the logs of the server and its load balancer at that time.",
	},
	ConnectionClosed: {
		Meaning: "The connection was made, and closed in an orderly way before there was a response. Confirmed.",
		Cause:   "A server or load balancer that has no backend, that shuts down, or whose own timeout is short.",
		Action:  "Look at the health of the backends and at the load balancer's timeouts.",
	},
	Unreachable: {
		Meaning: "A router on the way has no route to the address, or no machine responds there, or a rule of this machine forbids it. Confirmed.",
		Cause:   "An address that is not in use, or a network that is down. Where this machine itself has no route, the target is not down but `internal`.",
		Action:  "Check that the address is the server's, and that its network is up.",
	},
	TLSExpired: {
		Meaning: "The certificate, or one above it in its chain, has expired. The detail says which.",
		Cause:   "Its renewal failed, or the server was not reloaded after it.",
		Action:  "Renew it and reload the server. If it is an intermediate certificate, let the server send the one that its issuer has now. An alarm on `CertificateDaysLeft` warns in time.",
	},
	TLSNotYetValid: {
		Meaning: "The certificate is not valid yet.",
		Cause:   "It was installed too early, or the clock of its issuer is wrong.",
		Action:  "Use the previous certificate until then; check the clocks.",
	},
	TLSHostname: {
		Meaning: "The certificate is for other names, or the server says that it does not know the name.",
		Cause:   "The server has no site of that name and sends another's certificate; or the name is missing in it. A common name does not count, and for an IP address no DNS name does.",
		Action:  "Get a certificate that lists the name, or the address as an IP SAN. If the requested name is wrong on purpose, set `tls.serverName`.",
	},
	TLSUntrusted: {
		Meaning: "No chain leads from the certificate to a trusted root; or a certificate of the chain may not be used for this.",
		Cause:   "The server does not send an intermediate certificate: browsers often hide that. Or it has a private authority, is self-signed, or is signed with SHA-1. Or an authority replaced its root.",
		Action:  "The detail says why, and names the certificate. Let the server send the whole chain. For a private authority, package its root and name it in `SSL_CERT_FILE`.",
	},
	TLSVersion: {
		Meaning: "The server and Rollcall have no version of TLS in common. Rollcall's lowest is 1.2.",
		Cause:   "An old server with TLS 1.0 or 1.1 only.",
		Action:  "Switch on TLS 1.2 or 1.3 there. If that is not possible, set `tls.minVersion`; a version below 1.2 offers old cipher suites too.",
	},
	TLSClientCertificate: {
		Meaning: "The server requires a client certificate, and the target has none, or the server refuses it. The server says so in the handshake, or with 400, 403, 495 or 496 after it has asked for one.",
		Cause:   "The URL is for machines that have one (mutual TLS); or the certificate has expired, or is of another authority.",
		Action:  "Set `tls.clientCertificate` and `tls.clientKey`, or check a URL that does not require one, such as a health check beside it.",
	},
	TLSHandshake: {
		Meaning: "The handshake failed in any other way; the detail has the server's alert.",
		Cause:   "No cipher suite or protocol in common, or a broken server.",
		Action:  "`openssl s_client -connect host:443` shows what another client sees. For a server with old cipher suites only set `tls.cipherSuites` to `legacy`.",
	},
	TLSNotSpoken: {
		Meaning: "The port responds, but not in TLS.",
		Cause:   "`https` was written for a port that speaks plain HTTP or something else.",
		Action:  "Correct the scheme or the port in the URL.",
	},
	Timeout: {
		Meaning: "The target's own timeout ended the attempt, redirects included. The phase says what was missing: a connection, the TLS handshake, the first byte, or the last. The duration is the timeout. Confirmed.",
		Cause:   "In `connect`: a firewall that drops packets, or a machine that is off. In `firstByte`: a slow or overloaded backend. In `transfer`: a large page, or one that is created slowly.",
		Action:  "Start with the phase. If the target may take that long, set a longer `timeout`. A stream that has no end needs `\"maxBody\": 1`.",
	},
	BadResponse: {
		Meaning: "What came back is not a valid HTTP response, and browsers would not read it either; or it is not HTTP/2, and `\"http\": \"2\"` requires that. Not confirmed.",
		Cause:   "Another service on that port; an old or broken server; HTTP/2 not switched on; or nothing but HTTP/2.",
		Action:  "See what responds there: `curl -v`. For HTTP/2, switch it on or set `\"http\": \"auto\"`. Where the server speaks nothing else, set `\"http\": \"2\"`.",
	},
	HeadersTooLarge: {
		Meaning: "The response's headers have more than 256 KiB, or are more than 1,000. Not confirmed.",
		Cause:   "An application that sets a cookie or header again and again.",
		Action:  "Find the header that grows. Browsers and proxies stop at far less.",
	},
	BodyTruncated: {
		Meaning: "The connection closed before the end of the body. Not confirmed.",
		Cause:   "The application failed in the middle of its response, or a proxy cut it off.",
		Action:  "Look for errors of the application after it has sent its status.",
	},
	BodyInvalid: {
		Meaning: "The body's chunks or its content encoding are broken. Not confirmed.",
		Cause:   "A proxy that changes bodies, or an application that names a `Content-Encoding` and sends something else.",
		Action:  "Request it without compression (`\"headers\": {\"Accept-Encoding\": \"identity\"}`) to see which of the two it is.",
	},
	RedirectLoop: {
		Meaning: "A redirect leads to a URL that was requested before with the same cookies, or there are more than the target's `redirects`.",
		Cause:   "Two rules that contradict each other, often about `www`, a trailing slash, or https behind a proxy that speaks http to its backend.",
		Action:  "Follow it by hand: `curl -sIL`. If there are just many, raise `redirects`.",
	},
	RedirectInvalid: {
		Meaning: "The response is a redirect that can't be followed: without a `Location`, or with one that is not a URL, has no host, or has another scheme. The response itself does not meet the expectations either.",
		Cause:   "A broken rule or a variable that was not filled in.",
		Action:  "Correct the rule. If you expect the redirect itself, write so: `\"redirects\": 0, \"expect\": [\"status == 302\"]`.",
	},
	RedirectInsecure: {
		Meaning: "A redirect leads from https to http.",
		Cause:   "An application behind a proxy that does not know that its visitors use https.",
		Action:  "Configure the application's public address, or let the proxy set `X-Forwarded-Proto`.",
	},
	Status: {
		Meaning: "An expectation that reads only `status` is false. Confirmed if the status is 429 or from 500 on.",
		Cause:   "5xx: the application or its backend. 4xx: a wrong URL or missing authorization; 403 and 503 also from sites that serve browsers only. 520 to 530: Cloudflare, or another proxy, got no usable response from the origin.",
		Action:  "Look at the application's log; for 520 to 530 at what the detail names, on the origin. If the site requires a browser, set `userAgent`. If the status is right, put it into `expect`.",
	},
	Expectation: {
		Meaning: "Any other expectation is false, or could not be evaluated. The detail shows it and the actual value. Not confirmed.",
		Cause:   "What the expectation is about: a database that is down, a slow response, another page than the intended one.",
		Action:  "Read the detail. `the body is not JSON` and `there is no such field` point to another page, or to a mistake in the expression.",
	},
	Deadline: {
		Meaning: "The run's time ended during the check.",
		Cause:   "More targets, or slower ones, than fit into the function's timeout.",
		Action:  "Give it more time (`Timeout`), lower the targets' `timeout`, or split the list into two stacks.",
	},
	Unstarted: {
		Meaning: "The run's time ended before the check began.",
		Cause:   "As with `deadline`, or too few concurrent checks. The detail says so if it is that 64 checks have not ended.",
		Action:  "As with `deadline`; if `ROLLCALL_IN_FLIGHT` is set, raise it.",
	},
	InvalidTarget: {
		Meaning: "The target can't be probed: its URL is invalid, or a reference can't be resolved or is not allowed. The others are checked.",
		Cause:   "A missing `https://`, a list in another form than one URL a line, or a reference whose value can't be had, or that the operator does not allow for this host.",
		Action:  "Correct the entry that the detail names, or set or allow the value. The warnings of the run have the lines.",
	},
	Internal: {
		Meaning: "Rollcall itself failed: the check panicked, descriptors, ports or memory were missing and twenty tries with lower concurrency did not help, this machine has no route to the address or to the resolver, or it has no root certificates. The run is not healthy.",
		Cause:   "The detail says what was missing. `ROLLCALL_IN_FLIGHT` above the limit of descriptors; subnets without a route to the internet; `\"ip\": \"6\"` where there is no IPv6; an image without root certificates; else a bug in Rollcall.",
		Action:  "Leave `ROLLCALL_IN_FLIGHT` unset, give the subnets a route, or the image root certificates. After a panic the log has the stack: please report it.",
	},
}
