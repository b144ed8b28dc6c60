package expect

import (
	"net/http"
	"rollcall/internal/check"
	"rollcall/internal/redact"
	"strconv"
	"strings"
)

// Success is the expectation where an event has none: a status of 200 to 299.
type Success struct{}

// String returns the expectation as an expression.
func (Success) String() string { return "status >= 200 && status < 300" }

// Reads reports whether field is the status.
func (Success) Reads(field string) bool { return field == "status" }

// Check looks at the status.
func (Success) Check(r *check.Response) (check.Reason, string) {
	if r.Result.Status/100 == 2 {
		return check.OK, ""
	}
	return check.Status, statusLine(r.Result.Status)
}

// Check evaluates the expression: with the reason OK it holds, with Internal it
// took too long.
func (e *Expression) Check(r *check.Response) (check.Reason, string) {
	f := factsOf(e, r)
	ok, err := f.run(e)
	switch {
	case ok && err == nil:
		return check.OK, ""
	case err != nil && strings.Contains(err.Error(), errSlow.Error()):
		return check.Internal, e.source + ": " + errSlow.Error()
	case len(e.reads) == 1 && e.reads["status"]:
		return check.Status, statusLine(r.Result.Status)
	}
	detail := f.explain(e, func(text string, reads map[string]bool) string { return quoteText(text, reads, r.Secrets) })
	if r.Result.BodyTruncated && (e.reads["body"] || e.reads["json"]) {
		detail += " (the body was cut off at maxBody)"
	}
	return check.Expectation, detail
}

// statusLine is the status with the standard's words for it: the server's own
// may be anything.
func statusLine(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}

// quoteText quotes text that the server sent, unless it may echo a secret of
// the request's in whatever form.
func quoteText(text string, reads map[string]bool, secrets bool) string {
	switch {
	case reads["url"]:
		text, _, _ = strings.Cut(text, "?")
	case secrets && (reads["body"] || reads["header"] || reads["json"]):
		return "text of " + strconv.Itoa(len(text)) + " bytes (not shown, as the request holds secrets)"
	}
	return strconv.Quote(redact.Cut(redact.Printable(text), redact.MaxServer))
}
