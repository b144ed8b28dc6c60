package probe

import (
	"net/http"
	"net/url"
	"time"
)

// A Target is one URL to probe. plan.Parse builds and validates it; a
// [Prober] trusts every field.
type Target struct {
	Name  string   // unique within a plan; the metric dimension
	Group string   // the dimension of aggregates
	URL   *url.URL // absolute, http or https, with a host, never with user info; nil when Invalid
	Shown string   // the URL as people may see it: no user info, no query

	*Settings // shared by targets that differ in nothing of it; never nil

	// Invalid says why the target can't be probed, in words that hold no
	// secret. A target with it gets the result invalid_target.
	Invalid string
}

// Settings say how a target is asked and what is made of its answer. They are
// read only: many targets share one.
type Settings struct {
	Method    string        // an HTTP method, upper case
	Header    http.Header   // canonical keys, references resolved; "Host" is the request's host
	Body      string        // references resolved
	UserAgent string        // "" is Rollcall's own, a browser's name that browser's, else as it is
	Timeout   time.Duration // > 0; from the look-up to the last body byte of one attempt
	Redirects int           // >= 0; how many are followed
	Retries   int           // >= 0; confirmations after a failure with a passing cause
	MaxBody   int64         // > 0; bytes read, on the wire and decoded
}
