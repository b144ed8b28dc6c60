package probe

import (
	"net/http"
	"strconv"
	"strings"
)

// judge holds the answer against what the target expects. An answer that
// passes but is not what the target wishes for is degraded.
func (a *attempt) judge(ans *answer) error {
	if a.t.Expect == nil {
		if ans.status/100 == 2 {
			return a.warn(ans)
		}
		a.res.Expression = DefaultExpect
		return &verdict{reason: Status, detail: statusLine(ans.status)}
	}
	if failed, v := a.firstFailing(ans, a.t.Expect); failed != nil {
		a.res.Expression = failed.source
		return v
	}
	return a.warn(ans)
}

// asExpected reports whether every expectation holds, warnings aside.
func (a *attempt) asExpected(ans *answer) bool {
	if a.t.Expect == nil {
		return ans.status/100 == 2
	}
	failed, _ := a.firstFailing(ans, a.t.Expect)
	return failed == nil
}

// DefaultExpect is what an answer must fulfil where the event says nothing.
const DefaultExpect = "status >= 200 && status < 300"

func (a *attempt) warn(ans *answer) error {
	failed, v := a.firstFailing(ans, a.t.Warn)
	if failed != nil {
		a.res.Expression = failed.source
		v.degraded = true
		return v
	}
	return nil
}

// firstFailing returns the first expression that does not hold, and what to
// say of it.
func (a *attempt) firstFailing(ans *answer, all []*Expression) (*Expression, *verdict) {
	if len(all) == 0 {
		return nil, nil
	}
	f := a.factsOf(ans)
	for _, e := range all {
		ok, err := f.run(e)
		switch {
		case ok && err == nil:
			continue
		case err != nil && strings.Contains(err.Error(), errSlow.Error()):
			return e, &verdict{reason: Internal, detail: e.source + ": " + errSlow.Error()}
		}
		if e.onlyStatus() {
			return e, &verdict{reason: Status, detail: statusLine(ans.status)}
		}
		detail := f.explain(e, a.showText)
		if ans.body.truncated && (e.reads["body"] || e.reads["json"]) {
			detail += " (the body was cut off at maxBody)"
		}
		return e, &verdict{reason: Expectation, detail: detail}
	}
	return nil, nil
}

// showText quotes text that the server sent, unless it may echo a secret of
// the request's in whatever form.
func (a *attempt) showText(text string, reads map[string]bool) string {
	switch {
	case reads["url"]:
		text, _, _ = strings.Cut(text, "?")
	case len(a.secrets()) > 0 && (reads["body"] || reads["header"] || reads["json"]):
		return "text of " + strconv.Itoa(len(text)) + " bytes (not shown, as the request holds secrets)"
	}
	return strconv.Quote(cut(Printable(text), shownServer))
}

// statusLine is the status with the standard's words for it: the server's own
// may be anything.
func statusLine(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}
