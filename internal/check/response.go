package check

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// A Response is what a [Condition] may depend on.
type Response struct {
	Result  *Result // as known so far: status, phases, address, certificate
	URL     *url.URL
	Header  http.Header
	Body    string      // decoded; "" unless an expectation reads it
	Secrets func() bool // whether the request holds secrets, which the response may echo; nil: no
	Stop    func() bool // whether the run has ended, and with it the evaluation; nil: no

	// Redirected: a server that was sent values of references chose URL and
	// address, which may hold one.
	Redirected bool

	JSONTooLarge bool // there is no memory for the body's value, which counts as none

	parsed bool
	json   any
}

// MayEchoSecrets reports whether text of the response must not be shown.
func (r *Response) MayEchoSecrets() bool { return r.Secrets != nil && r.Secrets() }

// JSON returns the body's value, nil if the body is not JSON. It is parsed once.
func (r *Response) JSON() any {
	if !r.parsed {
		r.parsed = true
		if r.JSONTooLarge || json.Unmarshal([]byte(r.Body), &r.json) != nil {
			r.json = nil
		}
	}
	return r.json
}
