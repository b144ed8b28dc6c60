package expect

import (
	"errors"
	"net/http"
	"rollcall/internal/check"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// stepName is what a loop calls at every turn. No expression can name it.
const stepName = "$step"

// facts are what expressions see of an answer. Durations are milliseconds, 0
// for a phase that did not happen.
type facts struct {
	Status      int                  `expr:"status"`
	Body        string               `expr:"body"`
	JSON        any                  `expr:"json"`   // nil: the body is none
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
	Certificate *certificateFacts    `expr:"certificate"` // nil: none was seen
	Step        func() (bool, error) `expr:"$step"`
}

type certificateFacts struct {
	DaysLeft float64 `expr:"daysLeft"`
}

// factsOf gathers what is known of a response. The body is parsed only if e
// asks for it.
func factsOf(e *Expression, r *check.Response) *facts {
	res := r.Result
	phases := res.Phases
	f := &facts{
		Status: res.Status, Body: r.Body, Header: joined(r.Header),
		Duration: milliseconds(phases.Sum()), DNS: milliseconds(phases.DNS), Connect: milliseconds(phases.Connect),
		TLS: milliseconds(phases.TLS), FirstByte: milliseconds(phases.FirstByte), Transfer: milliseconds(phases.Transfer),
		Size: int(res.BytesBody), Redirects: len(res.Redirects), HTTP: res.HTTP, URL: r.URL.String(),
	}
	if res.IP.IsValid() {
		f.IP = res.IP.String()
	}
	if c := res.Certificate; c != nil {
		f.Certificate = &certificateFacts{c.DaysLeft}
	}
	if e.reads["json"] {
		f.JSON = r.JSON()
	}
	return f
}

func milliseconds(d time.Duration) float64 {
	if d == check.Absent {
		return 0
	}
	return d.Seconds() * 1000
}

func joined(h http.Header) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		all[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return all
}

var (
	errSteps = errors.New("takes too many steps on this answer")
	errSlow  = errors.New("took too long on this answer")
)

// run evaluates a program over the facts, within bounds.
func (f facts) run(e *Expression) (bool, error) {
	f.limit()
	out, err := expr.Run(e.program, f)
	ok, _ := out.(bool)
	return ok, err
}

// limit lets loops turn so often, and so long.
func (f *facts) limit() {
	steps, end := 0, time.Now().Add(maxEvaluation)
	f.Step = func() (bool, error) {
		steps++
		switch {
		case steps > maxSteps:
			return false, errSteps
		case time.Now().After(end): // at every turn: one may search a whole body
			return false, errSlow
		}
		return true, nil
	}
}

// explain says of an expression that does not hold what was seen: its first
// part that fails, and the sides of that which are no constants.
func (f facts) explain(e *Expression, show func(text string, reads map[string]bool) string) string {
	part, seen := f.firstFailing(e)
	if seen == "" {
		seen = strings.Join(f.sides(part, show), ", ")
	}
	return part.String() + ": " + seen
}

// firstFailing returns the first of the parts, joined by &&, that fails; seen
// is why it could not be decided.
func (f facts) firstFailing(e *Expression) (part ast.Node, seen string) {
	tree, err := parser.Parse(e.source)
	if err != nil {
		return e.program.Node(), firstLine(err) // it was compiled, so it can be parsed
	}
	for _, part = range conjuncts(tree.Node) {
		compiled, err := Compile(part.String())
		if err != nil {
			return tree.Node, "" // a part that makes no sense alone, as after let
		}
		ok, err := f.run(compiled)
		if err != nil {
			return part, f.undecided(compiled, err)
		}
		if !ok {
			return part, ""
		}
	}
	return tree.Node, ""
}

// undecided says why an expression could not be evaluated.
func (f facts) undecided(e *Expression, err error) string {
	switch {
	case errors.Is(err, errSteps), strings.Contains(err.Error(), errSteps.Error()):
		return errSteps.Error()
	case e.reads["json"] && f.JSON == nil:
		return "the body is no JSON"
	case e.reads["certificate"] && f.Certificate == nil:
		return "there is no certificate"
	case strings.Contains(err.Error(), "cannot fetch"), strings.Contains(err.Error(), "<nil>"):
		return "there is no such field"
	}
	return ""
}

func conjuncts(n ast.Node) []ast.Node {
	if and, ok := n.(*ast.BinaryNode); ok && (and.Operator == "&&" || and.Operator == "and") {
		return append(conjuncts(and.Left), conjuncts(and.Right)...)
	}
	return []ast.Node{n}
}

// sides shows what stands on both sides of a comparison, but for constants;
// of anything else, what it reads.
func (f facts) sides(part ast.Node, show func(string, map[string]bool) string) []string {
	var seen []string
	for _, n := range operands(part) {
		program, err := compile(n.String())
		if err != nil {
			continue
		}
		g := f
		g.limit()
		value, err := expr.Run(program, g)
		if err != nil {
			value = nil
		}
		seen = append(seen, shownValue(value, func(text string) string { return show(text, namesIn(n)) }))
	}
	if len(seen) == 0 {
		return []string{"does not hold"}
	}
	return seen
}

func operands(part ast.Node) []ast.Node {
	var found []ast.Node
	if b, ok := part.(*ast.BinaryNode); ok && b.Operator != "||" && b.Operator != "or" {
		for _, side := range []ast.Node{b.Left, b.Right} {
			if len(namesIn(side)) > 0 {
				found = append(found, side)
			}
		}
		return found
	}
	return chains(part)
}

// chains are the fields that n reads, each with all of its path.
func chains(n ast.Node) []ast.Node {
	var found []ast.Node
	inner := map[ast.Node]bool{}
	ast.Walk(&n, visitor(func(n *ast.Node) {
		switch node := (*n).(type) {
		case *ast.MemberNode:
			inner[node.Node] = true
			found = append(found, node)
		case *ast.IdentifierNode:
			found = append(found, node)
		}
	}))
	var whole []ast.Node
	for _, n := range found {
		if !inner[n] && len(namesIn(n)) > 0 {
			whole = append(whole, n)
		}
	}
	return whole
}

func namesIn(n ast.Node) map[string]bool {
	names := map[string]bool{}
	ast.Walk(&n, visitor(func(n *ast.Node) {
		if name, ok := (*n).(*ast.IdentifierNode); ok {
			names[name.Value] = true
		}
	}))
	return names
}

// shownValue writes a value for people: numbers to a tenth, text by quote.
func shownValue(v any, quote func(string) string) string {
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
		return quote(v)
	case []any:
		return "a list of " + strconv.Itoa(len(v))
	case map[string]any:
		return "an object of " + strconv.Itoa(len(v))
	}
	return "something else"
}
