package probe

// An Explanation says what a reason means to whoever is woken by it. A pair of
// backquotes encloses code; there is no other markup.
type Explanation struct {
	Means  string // what was seen, and whether it was confirmed
	Likely string // the usual causes
	Do     string // where to look first
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
		Means:  "The whole answer arrived, and every expectation holds.",
		Likely: "All is well.",
		Do:     "Nothing. If the result says `flaky`, it took more than one attempt: the result's `attempts` says how many.",
	},
	DNSNotFound: {
		Means:  "The name does not exist, or has no address, or none of the family that `ip` asks for. Not confirmed: it is an answer.",
		Likely: "A typo in the URL, a record that was removed, a domain that has expired; or a private name that this resolver does not know.",
		Do:     "Ask the resolver that the function uses (`dig name`). For a private name set `ROLLCALL_DNS`, or run in the VPC that knows it.",
	},
	DNSTemporary: {
		Means:  "The resolver answered and could not tell: SERVFAIL, REFUSED, or what can't be read. Confirmed.",
		Likely: "The domain's name servers do not answer the resolver, or its DNSSEC signatures are broken.",
		Do:     "Ask another resolver. If that can tell, the fault is the first one's; if not, it is the domain's.",
	},
	DNSTimeout: {
		Means:  "The resolver did not answer. Confirmed.",
		Likely: "The resolver can't be reached or drops queries. A VPC's drops what is above 1,024 packets a second.",
		Do:     "If many targets have it at once, look at the resolver and lower `ROLLCALL_DNS_RATE`. If one has it, look at the domain's name servers.",
	},
	BlockedAddress: {
		Means:  "The address guard refused every address of the name. No connection was made. Not confirmed.",
		Likely: "The target is in a private network; or somebody tries to make the monitor call what it must not.",
		Do:     "If it is meant, let its network through with `ROLLCALL_ALLOW`. Link-local addresses and Lambda's own API stay refused.",
	},
	ConnectionRefused: {
		Means:  "A reset answered the request to connect. Confirmed.",
		Likely: "Nothing listens on that port: the service has stopped, or listens elsewhere. Or a firewall refuses.",
		Do:     "See that the service runs and which port it listens on; then look at the firewalls and load balancers before it.",
	},
	ConnectionReset: {
		Means:  "The connection was made, and reset before the end of the answer. The phase says when. Confirmed.",
		Likely: "The server, or something before it, crashed, is overloaded, or does not like what it was sent.",
		Do:     "Look for errors in the logs of the server and its load balancer at that time.",
	},
	ConnectionClosed: {
		Means:  "The connection was made, and closed in an orderly way before there was an answer. Confirmed.",
		Likely: "A server or load balancer that has no backend, that shuts down, or whose own time-out is short.",
		Do:     "Look at the health of the backends and at the load balancer's time-outs.",
	},
	Unreachable: {
		Means:  "There is no route to the address, or the machine may not use it. Confirmed.",
		Likely: "An address that is not in use; a network without a route to it; IPv6 asked for where there is none.",
		Do:     "See that the function's subnets have a route there. With `\"ip\": \"6\"`, see that they have IPv6.",
	},
	TLSExpired: {
		Means:  "The certificate, or one above it in its chain, has expired.",
		Likely: "Its renewal has failed, or the server was not reloaded after it.",
		Do:     "Renew it and reload the server. An alarm on `CertificateDaysLeft` tells in time.",
	},
	TLSNotYetValid: {
		Means:  "The certificate's time begins later.",
		Likely: "It was put to use too early, or the clock of whoever made it is wrong.",
		Do:     "Use the one before until then; look at the clocks.",
	},
	TLSHostname: {
		Means:  "The certificate is for other names, or the server says that it knows no such name.",
		Likely: "The server has no site of that name and shows another's certificate; or the name is missing in it. A common name does not count.",
		Do:     "Have a certificate made that lists the name. If the name that is asked for is wrong on purpose, set `tls.serverName`.",
	},
	TLSUntrusted: {
		Means:  "No chain leads from the certificate to a root that is trusted; or a certificate of the chain may not be used so.",
		Likely: "The server does not send the intermediate certificate: browsers often hide that. Or a private authority, or self-signed.",
		Do:     "Let the server send the whole chain. For a private authority, package its root and name it in `SSL_CERT_FILE`.",
	},
	TLSVersion: {
		Means:  "There is no version of TLS that both sides speak. Rollcall's lowest is 1.2.",
		Likely: "An old server with TLS 1.0 or 1.1 only.",
		Do:     "Switch on TLS 1.2 or 1.3 there. If it has to stay as it is, set `tls.minVersion`.",
	},
	TLSClientCertificate: {
		Means:  "The server wants a certificate of the client's. Rollcall has none to show.",
		Likely: "The URL is for machines that have one (mutual TLS).",
		Do:     "Check a URL that does without, such as a health check beside it.",
	},
	TLSHandshake: {
		Means:  "The handshake failed in any other way; the detail says what the server's alert was.",
		Likely: "No cipher suite or protocol in common, or a broken server.",
		Do:     "`openssl s_client -connect host:443` shows it from another side.",
	},
	TLSNotSpoken: {
		Means:  "The port answers, but not in TLS.",
		Likely: "`https` was written for a port that speaks plain HTTP or something else.",
		Do:     "Correct the scheme or the port in the URL.",
	},
	Timeout: {
		Means:  "The target's own time-out ended first. The phase says what was missing: a connection, the TLS handshake, the first byte, or the last. The duration is the time-out. Confirmed.",
		Likely: "In `connect`: a firewall that drops, or a machine that is off. In `firstByte`: a slow or overloaded backend. In `transfer`: a large or slowly made page.",
		Do:     "Start with the phase. If the target may take that long, set a longer `timeout`.",
	},
	BadResponse: {
		Means:  "What came back is no HTTP answer; or it is not HTTP/2, where `\"http\": \"2\"` asks for it. Not confirmed.",
		Likely: "Another service on that port; an old or broken server; HTTP/2 not switched on.",
		Do:     "Look at what answers there: `curl -v`. For HTTP/2, switch it on or set `\"http\": \"auto\"`.",
	},
	HeadersTooLarge: {
		Means:  "The answer's headers have more than 256 KiB. Not confirmed.",
		Likely: "An application that sets a cookie or header again and again.",
		Do:     "Find what grows. Browsers and proxies give up on far less.",
	},
	BodyTruncated: {
		Means:  "The connection ended before the body did. Not confirmed.",
		Likely: "The application failed in the middle of its answer, or a proxy cut it off.",
		Do:     "Look for errors of the application that come after it has sent its status.",
	},
	BodyInvalid: {
		Means:  "The body's chunks or its compression are broken. Not confirmed.",
		Likely: "A proxy that changes bodies, or an application that names a `Content-Encoding` and sends something else.",
		Do:     "Ask for it without compression (`\"headers\": {\"Accept-Encoding\": \"identity\"}`) to see which of the two it is.",
	},
	RedirectLoop: {
		Means:  "A redirect leads to what was asked for before, or there are more than the target's `redirects`.",
		Likely: "Two rules that contradict each other, often about `www`, a trailing slash, or https behind a proxy that speaks http to its backend.",
		Do:     "Follow it by hand: `curl -sIL`. If there are just many, raise `redirects`.",
	},
	RedirectInvalid: {
		Means:  "The answer is a redirect that can't be followed: no `Location`, one that is no URL, without a host, or with another scheme; and the answer itself does not meet the expectations either.",
		Likely: "A broken rule or a variable that was not filled in.",
		Do:     "Correct the rule. If the redirect itself is what you expect, say so: `\"redirects\": 0, \"expect\": [\"status == 302\"]`.",
	},
	RedirectInsecure: {
		Means:  "A redirect leads from https to http.",
		Likely: "An application behind a proxy that does not know that its visitors come by https.",
		Do:     "Tell the application its public address, or let the proxy set `X-Forwarded-Proto`.",
	},
	Status: {
		Means:  "An expectation that reads nothing but `status` does not hold. Confirmed if the status is 429 or from 500 on.",
		Likely: "5xx: the application or its backend. 4xx: a wrong URL or missing authorization; 403 and 503 also from sites that let in browsers only.",
		Do:     "Look at the application's log. If the site wants a browser, set `userAgent`. If the status is right, say so in `expect`.",
	},
	Expectation: {
		Means:  "Any other expectation does not hold, or could not be evaluated. The detail shows it and what was seen. Not confirmed.",
		Likely: "What the expectation is about: a database that is down, an answer that is slow, another page than the one meant.",
		Do:     "Read the detail. `the body is no JSON` and `there is no such field` point to another page, or to a mistake in the expression.",
	},
	Deadline: {
		Means:  "The run's time ended while the check was open.",
		Likely: "More targets, or slower ones, than fit into the function's time-out.",
		Do:     "Give it more time (`Timeout`), lower the targets' `timeout`, or split the list into two stacks.",
	},
	Unstarted: {
		Means:  "The run's time ended before the check began.",
		Likely: "As with `deadline`, or too few checks at once.",
		Do:     "As with `deadline`; if `ROLLCALL_IN_FLIGHT` is set, raise it.",
	},
	InvalidTarget: {
		Means:  "The target can't be probed: its URL is none, or a reference can't be resolved. The others are checked.",
		Likely: "A missing `https://`, or an environment variable that is not set.",
		Do:     "Correct the entry that the detail names, or set the variable.",
	},
	Internal: {
		Means:  "Our own failure: the check panicked, an expression took longer than half a second of a busy process, or we ran out of descriptors, ports or memory and twenty tries with fewer checks at once did not help. The run is not healthy.",
		Likely: "`ROLLCALL_IN_FLIGHT` is above what the machine has descriptors for; else a mistake in Rollcall.",
		Do:     "Leave `ROLLCALL_IN_FLIGHT` unset. After a panic the log has the stack: please report it.",
	},
}
