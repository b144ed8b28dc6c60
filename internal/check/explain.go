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
		Meaning: "The whole answer arrived, and every expectation holds.",
		Cause:   "All is well.",
		Action:  "Nothing. If the result says `flaky`, it took more than one attempt: the result's `attempts` says how many.",
	},
	DNSNotFound: {
		Meaning: "The name does not exist, or has no address, or none of the family that `ip` asks for. Not confirmed: it is an answer.",
		Cause:   "A typo in the URL, a record that was removed, a domain that has expired; or a private name that this resolver does not know.",
		Action:  "Ask the resolver that the function uses (`dig name`). For a private name set `ROLLCALL_DNS`, or run in the VPC that knows it.",
	},
	DNSTemporary: {
		Meaning: "The resolver answered and could not tell: SERVFAIL, REFUSED, or what can't be read. Confirmed.",
		Cause:   "The domain's name servers do not answer the resolver, or its DNSSEC signatures are broken.",
		Action:  "Ask another resolver. If that can tell, the fault is the first one's; if not, it is the domain's.",
	},
	DNSTimeout: {
		Meaning: "The resolver did not answer. Confirmed.",
		Cause:   "The resolver can't be reached or drops queries. A VPC's drops what is above 1,024 packets a second.",
		Action:  "If many targets have it at once, look at the resolver and lower `ROLLCALL_DNS_RATE`. If one has it, look at the domain's name servers.",
	},
	BlockedAddress: {
		Meaning: "The address guard refused every address of the name. No connection was made. Not confirmed.",
		Cause:   "The target is in a private network; or somebody tries to make the monitor call what it must not.",
		Action:  "If it is meant, let its network through with `ROLLCALL_ALLOW`. Link-local addresses and Lambda's own API stay refused.",
	},
	ConnectionRefused: {
		Meaning: "A reset answered the request to connect. Confirmed.",
		Cause:   "Nothing listens on that port: the service has stopped, or listens elsewhere. Or a firewall refuses.",
		Action:  "See that the service runs and which port it listens on; then look at the firewalls and load balancers before it.",
	},
	ConnectionReset: {
		Meaning: "The connection was made, and reset before the end of the answer. The phase says when. Confirmed.",
		Cause:   "The server, or something before it, crashed, is overloaded, or does not like what it was sent.",
		Action:  "Look for errors in the logs of the server and its load balancer at that time.",
	},
	ConnectionClosed: {
		Meaning: "The connection was made, and closed in an orderly way before there was an answer. Confirmed.",
		Cause:   "A server or load balancer that has no backend, that shuts down, or whose own time-out is short.",
		Action:  "Look at the health of the backends and at the load balancer's time-outs.",
	},
	Unreachable: {
		Meaning: "There is no route to the address, or the machine may not use it. Confirmed.",
		Cause:   "An address that is not in use; a network without a route to it; IPv6 asked for where there is none.",
		Action:  "See that the function's subnets have a route there. With `\"ip\": \"6\"`, see that they have IPv6.",
	},
	TLSExpired: {
		Meaning: "The certificate, or one above it in its chain, has expired.",
		Cause:   "Its renewal has failed, or the server was not reloaded after it.",
		Action:  "Renew it and reload the server. An alarm on `CertificateDaysLeft` tells in time.",
	},
	TLSNotYetValid: {
		Meaning: "The certificate's time begins later.",
		Cause:   "It was put to use too early, or the clock of whoever made it is wrong.",
		Action:  "Use the one before until then; look at the clocks.",
	},
	TLSHostname: {
		Meaning: "The certificate is for other names, or the server says that it knows no such name.",
		Cause:   "The server has no site of that name and shows another's certificate; or the name is missing in it. A common name does not count.",
		Action:  "Have a certificate made that lists the name. If the name that is asked for is wrong on purpose, set `tls.serverName`.",
	},
	TLSUntrusted: {
		Meaning: "No chain leads from the certificate to a root that is trusted; or a certificate of the chain may not be used so.",
		Cause:   "The server does not send the intermediate certificate: browsers often hide that. Or a private authority, or self-signed.",
		Action:  "Let the server send the whole chain. For a private authority, package its root and name it in `SSL_CERT_FILE`.",
	},
	TLSVersion: {
		Meaning: "There is no version of TLS that both sides speak. Rollcall's lowest is 1.2.",
		Cause:   "An old server with TLS 1.0 or 1.1 only.",
		Action:  "Switch on TLS 1.2 or 1.3 there. If it has to stay as it is, set `tls.minVersion`.",
	},
	TLSClientCertificate: {
		Meaning: "The server wants a certificate of the client's. Rollcall has none to show.",
		Cause:   "The URL is for machines that have one (mutual TLS).",
		Action:  "Check a URL that does without, such as a health check beside it.",
	},
	TLSHandshake: {
		Meaning: "The handshake failed in any other way; the detail says what the server's alert was.",
		Cause:   "No cipher suite or protocol in common, or a broken server.",
		Action:  "`openssl s_client -connect host:443` shows it from another side.",
	},
	TLSNotSpoken: {
		Meaning: "The port answers, but not in TLS.",
		Cause:   "`https` was written for a port that speaks plain HTTP or something else.",
		Action:  "Correct the scheme or the port in the URL.",
	},
	Timeout: {
		Meaning: "The target's own time-out ended first. The phase says what was missing: a connection, the TLS handshake, the first byte, or the last. The duration is the time-out. Confirmed.",
		Cause:   "In `connect`: a firewall that drops, or a machine that is off. In `firstByte`: a slow or overloaded backend. In `transfer`: a large or slowly made page.",
		Action:  "Start with the phase. If the target may take that long, set a longer `timeout`.",
	},
	BadResponse: {
		Meaning: "What came back is no HTTP answer; or it is not HTTP/2, where `\"http\": \"2\"` asks for it. Not confirmed.",
		Cause:   "Another service on that port; an old or broken server; HTTP/2 not switched on.",
		Action:  "Look at what answers there: `curl -v`. For HTTP/2, switch it on or set `\"http\": \"auto\"`.",
	},
	HeadersTooLarge: {
		Meaning: "The answer's headers have more than 256 KiB. Not confirmed.",
		Cause:   "An application that sets a cookie or header again and again.",
		Action:  "Find what grows. Browsers and proxies give up on far less.",
	},
	BodyTruncated: {
		Meaning: "The connection ended before the body did. Not confirmed.",
		Cause:   "The application failed in the middle of its answer, or a proxy cut it off.",
		Action:  "Look for errors of the application that come after it has sent its status.",
	},
	BodyInvalid: {
		Meaning: "The body's chunks or its compression are broken. Not confirmed.",
		Cause:   "A proxy that changes bodies, or an application that names a `Content-Encoding` and sends something else.",
		Action:  "Ask for it without compression (`\"headers\": {\"Accept-Encoding\": \"identity\"}`) to see which of the two it is.",
	},
	RedirectLoop: {
		Meaning: "A redirect leads to what was asked for before, or there are more than the target's `redirects`.",
		Cause:   "Two rules that contradict each other, often about `www`, a trailing slash, or https behind a proxy that speaks http to its backend.",
		Action:  "Follow it by hand: `curl -sIL`. If there are just many, raise `redirects`.",
	},
	RedirectInvalid: {
		Meaning: "The answer is a redirect that can't be followed: no `Location`, one that is no URL, without a host, or with another scheme; and the answer itself does not meet the expectations either.",
		Cause:   "A broken rule or a variable that was not filled in.",
		Action:  "Correct the rule. If the redirect itself is what you expect, say so: `\"redirects\": 0, \"expect\": [\"status == 302\"]`.",
	},
	RedirectInsecure: {
		Meaning: "A redirect leads from https to http.",
		Cause:   "An application behind a proxy that does not know that its visitors come by https.",
		Action:  "Tell the application its public address, or let the proxy set `X-Forwarded-Proto`.",
	},
	Status: {
		Meaning: "An expectation that reads nothing but `status` does not hold. Confirmed if the status is 429 or from 500 on.",
		Cause:   "5xx: the application or its backend. 4xx: a wrong URL or missing authorization; 403 and 503 also from sites that let in browsers only.",
		Action:  "Look at the application's log. If the site wants a browser, set `userAgent`. If the status is right, say so in `expect`.",
	},
	Expectation: {
		Meaning: "Any other expectation does not hold, or could not be evaluated. The detail shows it and what was seen. Not confirmed.",
		Cause:   "What the expectation is about: a database that is down, an answer that is slow, another page than the one meant.",
		Action:  "Read the detail. `the body is not JSON` and `there is no such field` point to another page, or to a mistake in the expression.",
	},
	Deadline: {
		Meaning: "The run's time ended while the check was open.",
		Cause:   "More targets, or slower ones, than fit into the function's time-out.",
		Action:  "Give it more time (`Timeout`), lower the targets' `timeout`, or split the list into two stacks.",
	},
	Unstarted: {
		Meaning: "The run's time ended before the check began.",
		Cause:   "As with `deadline`, or too few checks at once.",
		Action:  "As with `deadline`; if `ROLLCALL_IN_FLIGHT` is set, raise it.",
	},
	InvalidTarget: {
		Meaning: "The target can't be probed: its URL is none, or a reference can't be resolved. The others are checked.",
		Cause:   "A missing `https://`, or an environment variable that is not set.",
		Action:  "Correct the entry that the detail names, or set the variable.",
	},
	Internal: {
		Meaning: "Our own failure: the check panicked, an expression took longer than half a second of a busy process, or we ran out of descriptors, ports or memory and twenty tries with fewer checks at once did not help. The run is not healthy.",
		Cause:   "`ROLLCALL_IN_FLIGHT` is above what the machine has descriptors for; else a mistake in Rollcall.",
		Action:  "Leave `ROLLCALL_IN_FLIGHT` unset. After a panic the log has the stack: please report it.",
	},
}
