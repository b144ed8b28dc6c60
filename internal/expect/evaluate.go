package expect

import (
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// stepName is what a loop calls at every turn. No expression can name it.
const stepName = "$step"

// variables are what expressions see of a response. Durations are milliseconds,
// 0 for a phase that did not happen.
type variables struct {
	Status      int                  `expr:"status"`
	Body        string               `expr:"body"`
	JSON        any                  `expr:"json"`   // nil: the body is not JSON
	Header      map[string]string    `expr:"header"` // names in lower case, values joined
	Duration    float64              `expr:"duration"`
	DNS         float64              `expr:"dns"`
	Connect     float64              `expr:"connect"`
	TLS         float64              `expr:"tls"`
	FirstByte   float64              `expr:"firstByte"`
	Transfer    float64              `expr:"transfer"`
	Size        int                  `expr:"size"` // bytes of the body, decoded
	Redirects   int                  `expr:"redirects"`
	HTTP        string               `expr:"http"`
	IP          string               `expr:"ip"`
	URL         string               `expr:"url"`
	Certificate *certificate         `expr:"certificate"` // nil: none was seen
	Step        func() (bool, error) `expr:"$step"`
}

type certificate struct {
	DaysLeft float64 `expr:"daysLeft"`
}

// Success is the condition where an event has none: a status of 200 to 299.
type Success struct{}

// String returns the condition as an expression.
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

// Check evaluates the expression, each part once. The first that does not hold,
// or can't be evaluated, is the detail, with what was seen in its place. The
// reason is Internal if the evaluation took too long.
func (e *Expression) Check(r *check.Response) (check.Reason, string) {
	v := variablesOf(r, e.reads)
	run := newEvaluation(v)
	for _, p := range e.parts {
		value, err := run.value(p.program)
		if value == true && err == nil {
			continue
		}
		switch {
		case run.slow:
			return check.Internal, e.source + ": expression exceeded its time limit"
		case len(e.reads) == 1 && e.reads["status"]:
			return check.Status, statusLine(v.Status)
		}
		detail := p.source + ": " + p.seen(run, err, r)
		if r.Result.BodyTruncated && (e.reads["body"] || e.reads["json"]) {
			detail += " (the body was cut off at maxBody)"
		}
		return check.Expectation, detail
	}
	return check.OK, ""
}

// variablesOf fills in what is known of a response. The body is parsed only if
// somebody reads its JSON.
func variablesOf(r *check.Response, reads map[string]bool) *variables {
	res, phases := r.Result, r.Result.Phases
	v := &variables{
		Status: res.Status, Body: r.Body,
		Duration: milliseconds(phases.Sum()), DNS: milliseconds(phases.DNS), Connect: milliseconds(phases.Connect),
		TLS: milliseconds(phases.TLS), FirstByte: milliseconds(phases.FirstByte), Transfer: milliseconds(phases.Transfer),
		Size: int(res.BytesBody), Redirects: len(res.Redirects), HTTP: res.HTTP,
	}
	if reads["header"] {
		v.Header = make(map[string]string, len(r.Header))
		for name, values := range r.Header {
			v.Header[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	if reads["url"] {
		v.URL = weburl.String(r.URL)
	}
	if res.IP.IsValid() {
		v.IP = res.IP.String()
	}
	if c := res.Certificate; c != nil {
		v.Certificate = &certificate{c.DaysLeft}
	}
	if reads["json"] {
		v.JSON = r.JSON()
	}
	return v
}

func milliseconds(d time.Duration) float64 {
	if d == check.Absent {
		return 0
	}
	return d.Seconds() * 1000
}

// An evaluation runs programs over the variables of one response. All loops
// together have a limit of turns and of time.
type evaluation struct {
	*variables
	steps    int
	end      time.Time
	exceeded bool // the limit of turns
	slow     bool // the limit of time
}

// errLimit ends a program; the evaluation knows which limit it is.
type errLimit struct{}

func (errLimit) Error() string { return "limit exceeded" }

func newEvaluation(v *variables) *evaluation {
	run := &evaluation{variables: v, end: time.Now().Add(maxEvaluation)}
	v.Step = func() (bool, error) {
		run.steps++
		run.exceeded = run.steps > maxSteps
		run.slow = time.Now().After(run.end) // at every turn: one may search a whole body
		if run.exceeded || run.slow {
			return false, errLimit{}
		}
		return true, nil
	}
	return run
}

func (run *evaluation) value(program *vm.Program) (any, error) {
	return expr.Run(program, *run.variables)
}

// seen says why a part does not hold: what could not be evaluated in it, or the
// values of its operands.
func (p *part) seen(run *evaluation, err error, r *check.Response) string {
	switch {
	case err == nil:
	case run.exceeded:
		return "expression exceeded its step limit"
	case p.reads["json"] && run.JSON == nil:
		return "the body is not JSON"
	case p.reads["certificate"] && run.Certificate == nil:
		return "there is no certificate"
	case strings.Contains(err.Error(), "cannot fetch"), strings.Contains(err.Error(), "<nil>"):
		return "there is no such field"
	}
	var values []string
	for _, o := range p.operands {
		value, err := newEvaluation(run.variables).value(o.program)
		if err != nil {
			value = nil
		}
		values = append(values, describe(value, o.reads, r))
	}
	if len(values) == 0 {
		return "does not hold"
	}
	return strings.Join(values, ", ")
}

// describe writes a value for people: numbers to a tenth, text quoted.
func describe(v any, reads map[string]bool, r *check.Response) string {
	switch v := v.(type) {
	case nil:
		return "absent"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	case string:
		return quote(v, reads, r)
	case []any:
		return "a list of " + strconv.Itoa(len(v))
	case map[string]any:
		return "an object of " + strconv.Itoa(len(v))
	}
	return "something else"
}

// quote quotes text that the server sent, unless it may echo a secret of the
// request's in whatever form.
func quote(text string, reads map[string]bool, r *check.Response) string {
	switch {
	case reads["url"]:
		text, _, _ = strings.Cut(text, "?")
	case (reads["body"] || reads["header"] || reads["json"]) && r.MayEchoSecrets():
		return "text of " + strconv.Itoa(len(text)) + " bytes (not shown, as the request holds secrets)"
	}
	return strconv.Quote(redact.Cut(redact.Printable(text), redact.MaxServer))
}
