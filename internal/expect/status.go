package expect

import (
	"net/http"
	"strconv"
)

// statusLine is the status with the standard's words for it, or those of who
// invented it: the server's own may be anything.
func statusLine(status int) string {
	text := http.StatusText(status)
	if text == "" {
		text = unofficial[status]
	}
	if text == "" {
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status) + " " + text
}

// unofficial are statuses that no RFC has and that visitors see, with what to
// look at. After the documentation of Cloudflare (5xx errors), of AWS (Application
// Load Balancer, HTTP errors) and of nginx (ngx_http_request.h, ssl module), read
// in November 2026.
var unofficial = map[int]string{
	460: "Client Closed Connection (AWS load balancer: the client's timeout is shorter than its idle timeout)",
	463: "Too Many Forwarded Addresses (AWS load balancer: X-Forwarded-For has more than 30)",
	464: "Incompatible Protocol (AWS load balancer: the target group wants another version of HTTP)",
	494: "Request Header Too Large (nginx)",
	495: "SSL Certificate Error (nginx: it refuses the client certificate)",
	496: "SSL Certificate Required (nginx: it wants a client certificate)",
	497: "HTTP Request Sent to HTTPS Port (nginx)",
	509: "Bandwidth Limit Exceeded (the site's host)",
	520: "Unknown Error (Cloudflare: the origin's response is empty or broken)",
	521: "Web Server Is Down (Cloudflare: the origin refuses its connections)",
	522: "Connection Timed Out (Cloudflare: the origin does not accept its connections in time)",
	523: "Origin Is Unreachable (Cloudflare: look at the origin's address in DNS)",
	524: "A Timeout Occurred (Cloudflare: the origin took too long to respond)",
	525: "SSL Handshake Failed (Cloudflare, with the origin)",
	526: "Invalid SSL Certificate (Cloudflare: look at the origin's certificate)",
	527: "Railgun Error (Cloudflare, with the origin)",
	528: "Unknown Error (not documented; its neighbors are Cloudflare's)",
	529: "Site Is Overloaded (the site's host)",
	530: "Error 1xxx (Cloudflare: the page names the error, often the origin's name in DNS)",
	561: "Unauthorized (AWS load balancer: its identity provider returned an error)",
	999: "Request Denied (the site takes the client for a robot)",
}
