package expect

import (
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

// The functions that expressions are made to call. No event can name them.
const (
	stepName  = "$step"  // at every turn of a loop
	timeName  = "$time"  // before what may take long
	matchName = "$match" // instead of matches
	keepName  = "$keep"  // with each operand
)

func ours(name string) bool { return strings.HasPrefix(name, "$") }

// variables are what expressions see of a response. Durations are milliseconds,
// 0 for a phase that did not happen.
type variables struct {
	Status      int               `expr:"status"`
	Body        string            `expr:"body"`
	JSON        any               `expr:"json"`   // nil: the body is not JSON
	Header      map[string]string `expr:"header"` // names in lower case, values joined
	Duration    float64           `expr:"duration"`
	DNS         float64           `expr:"dns"`
	Connect     float64           `expr:"connect"`
	TLS         float64           `expr:"tls"`
	FirstByte   float64           `expr:"firstByte"`
	Transfer    float64           `expr:"transfer"`
	Size        int               `expr:"size"` // bytes of the body, decoded
	Redirects   int               `expr:"redirects"`
	HTTP        string            `expr:"http"`
	IP          string            `expr:"ip"`
	URL         string            `expr:"url"`
	Certificate *certificate      `expr:"certificate"` // nil: none was seen

	// Ours. Their types are among those that expr calls without reflection; a
	// panic ends the program.
	Step  func() bool                  `expr:"$step"`
	Time  func() bool                  `expr:"$time"`
	Match func(text, number any) bool  `expr:"$match"`
	Keep  func(operand, value any) any `expr:"$keep"`
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
// reason is Deadline if the run ended meanwhile.
func (e *Expression) Check(r *check.Response) (check.Reason, string) {
	runtime.LockOSThread() // whose CPU time is limited
	defer runtime.UnlockOSThread()
	run := e.evaluation(r)
	for _, p := range e.parts {
		clear(run.kept)
		value, err := expr.Run(p.program, *run.variables)
		if value == true && err == nil {
			continue
		}
		switch {
		case run.limit == runEnded:
			return check.Deadline, "the run ended during the evaluation of " + e.source
		case len(e.reads) == 1 && e.reads["status"]:
			return check.Status, statusLine(run.Status)
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

// An evaluation runs an expression's programs over the variables of one
// response. All together have a limit of turns, and of CPU time: wall time would
// say how busy this process is.
type evaluation struct {
	*variables
	kept  map[int]any // the values of a part's operands
	steps int
	stop  func() bool
	began time.Time
	end   time.Duration // by the thread's CPU time; 0: it has not been looked at
	limit limit
}

// A limit is what ended an evaluation; "" while it may go on.
type limit string

const (
	stepLimit limit = "expression exceeded its step limit"
	tooLong   limit = "expression exceeded its time limit"
	runEnded  limit = "the run ended"
)

// Error returns the limit's text.
func (l limit) Error() string { return string(l) }

func (e *Expression) evaluation(r *check.Response) *evaluation {
	run := &evaluation{variables: variablesOf(r, e.reads), kept: map[int]any{}, stop: r.Stop, began: time.Now()}
	more := func() bool {
		if !run.goOn() {
			panic(run.limit)
		}
		return true
	}
	run.Time = more
	run.Step = func() bool {
		if run.steps++; run.steps > maxSteps {
			run.limit = stepLimit
			panic(run.limit)
		}
		return more()
	}
	run.Match = func(text, number any) bool {
		more()
		if text == nil {
			return false
		}
		matches := e.patterns[number.(int)].match(text.(string), run.goOn)
		if run.limit != "" {
			panic(run.limit)
		}
		return matches
	}
	run.Keep = func(operand, value any) any {
		run.kept[operand.(int)] = value
		return value
	}
	return run
}

// unmetered is how long an evaluation runs before its limits are looked at:
// hardly any runs as long, and to ask for the CPU time is a system call.
const unmetered = time.Millisecond

// goOn reports whether the evaluation may go on, and sets its limit if not.
func (run *evaluation) goOn() bool {
	switch {
	case time.Since(run.began) < unmetered:
	case run.stop != nil && run.stop():
		run.limit = runEnded
	case run.end == 0:
		run.end = CPUTime() + maxEvaluation
	case CPUTime() > run.end:
		run.limit = tooLong
	}
	return run.limit == ""
}

// seen says why a part does not hold: what could not be evaluated in it, or the
// values of its operands.
func (p *part) seen(run *evaluation, err error, r *check.Response) string {
	switch {
	case err == nil:
	case run.limit != "":
		return run.limit.Error()
	case p.reads["json"] && r.JSONTooLarge:
		return "there is no memory for the body's JSON"
	case p.reads["json"] && run.JSON == nil:
		return noJSON(r)
	case p.reads["certificate"] && run.Certificate == nil:
		return "there is no certificate"
	case strings.Contains(err.Error(), "cannot fetch"), strings.Contains(err.Error(), "<nil>"):
		return "there is no such field"
	}
	var values []string
	for i, o := range p.operands {
		if value, ok := run.kept[i]; ok {
			values = append(values, describe(value, o.reads, r))
		}
	}
	switch {
	case len(values) > 0:
		return strings.Join(values, ", ")
	case err != nil:
		return "can't be evaluated" + because(err)
	}
	return "does not hold"
}

// noJSON says why there is no JSON, or only null.
func noJSON(r *check.Response) string {
	if strings.TrimSpace(r.Body) == "null" {
		return "the body is null"
	}
	return "the body is not JSON"
}

// because says why an operand has no value, in words that hold none of the server's.
func because(err error) string {
	for _, known := range [][2]string{
		{"invalid operation: int(", "int() of what is not a whole number"},
		{"invalid operation: float(", "float() of what is not a number"},
		{"invalid argument for len", "len() of what has no length"},
		{"index out of range", "the list has fewer elements"},
		{"interface conversion", "a value is of another type"},
	} {
		if strings.Contains(err.Error(), known[0]) {
			return ": " + known[1]
		}
	}
	return ""
}

// describe writes a value for people: numbers to a tenth, text quoted.
func describe(v any, reads map[string]bool, r *check.Response) string {
	switch v := v.(type) {
	case nil:
		if reads["json"] && r.JSON() == nil && !r.JSONTooLarge {
			return noJSON(r)
		}
		if reads["json"] {
			return "null or absent"
		}
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
	case (reads["body"] || reads["header"] || reads["json"]) && r.MayEchoSecrets(), (reads["url"] || reads["ip"]) && r.Redirected:
		return "text of " + strconv.Itoa(len(text)) + " bytes (not shown, as the request holds secrets)"
	case reads["url"]:
		if at := strings.IndexAny(text, "?;"); at >= 0 {
			text = text[:at]
		}
	}
	return strconv.Quote(redact.Cut(redact.Printable(text), redact.MaxServer))
}
