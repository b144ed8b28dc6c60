package probe

import (
	"rollcall/internal/check"
	"rollcall/internal/expect"
)

// judge holds the answer against what the target expects. An answer that
// passes but is not what the target wishes for is degraded.
func (a *attempt) judge(ans *answer) error {
	r := a.response(ans)
	if v := a.firstFailing(r, a.expected()); v != nil {
		return v
	}
	if v := a.firstFailing(r, a.t.Warn); v != nil {
		v.degraded = true
		return v
	}
	return nil
}

// asExpected reports whether every expectation holds, warnings aside.
func (a *attempt) asExpected(ans *answer) bool {
	r := a.response(ans)
	for _, c := range a.expected() {
		if reason, _ := c.Check(r); reason != check.OK {
			return false
		}
	}
	return true
}

func (a *attempt) expected() []check.Condition {
	if a.t.Expect == nil {
		return []check.Condition{expect.Success{}}
	}
	return a.t.Expect
}

// response is what conditions see of an answer.
func (a *attempt) response(ans *answer) *check.Response {
	a.res.Phases = a.measured()
	return &check.Response{
		Result: &a.res, URL: ans.url, Header: ans.header, Body: ans.body.text, Secrets: len(a.secrets()) > 0,
	}
}

// firstFailing returns the verdict of the first condition that does not hold.
func (a *attempt) firstFailing(r *check.Response, all []check.Condition) *verdict {
	for _, c := range all {
		if reason, detail := c.Check(r); reason != check.OK {
			a.res.Expression = c.String()
			return &verdict{reason: reason, detail: detail}
		}
	}
	return nil
}
