package alarm

import (
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// An expression is metric math: numbers, ids, + - * / ^, comparisons, AND, OR,
// IF, FILL with a number or REPEAT, ABS, and MIN, MAX, SUM, AVG of a list.
type expression struct {
	tree  ast.Node
	needs []string // ids
}

// Metric math writes its words large, the parser that reads them small.
var words = regexp.MustCompile(`\b(AND|OR|NOT)\b`)

func parseExpression(text string) (expression, error) {
	small := words.ReplaceAllStringFunc(text, func(w string) string {
		return map[string]string{"AND": "and", "OR": "or", "NOT": "not"}[w]
	})
	tree, err := parser.Parse(small)
	if err != nil {
		return expression{}, fmt.Errorf("%s: %w", text, err)
	}
	e := expression{tree: tree.Node}
	if err := e.check(tree.Node); err != nil {
		return e, fmt.Errorf("%s: %w", text, err)
	}
	return e, nil
}

// check refuses what evaluate does not know, and gathers the ids.
func (e *expression) check(n ast.Node) error {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return nil
	case *ast.IdentifierNode:
		if !slices.Contains(e.needs, n.Value) {
			e.needs = append(e.needs, n.Value)
		}
		return nil
	case *ast.UnaryNode:
		if n.Operator != "-" {
			break
		}
		return e.check(n.Node)
	case *ast.BinaryNode:
		if operators[n.Operator] == nil {
			return fmt.Errorf("the operator %s is not known here", n.Operator)
		}
		return e.checkAll(n.Left, n.Right)
	case *ast.CallNode:
		return e.checkCall(n)
	}
	return fmt.Errorf("%s is not known here", n)
}

func (e *expression) checkAll(nodes ...ast.Node) error {
	for _, n := range nodes {
		if err := e.check(n); err != nil {
			return err
		}
	}
	return nil
}

// checkCall knows how many arguments each function has.
func (e *expression) checkCall(n *ast.CallNode) error {
	name, many := n.Callee.String(), len(n.Arguments)
	switch {
	case name == "IF" && many == 3, name == "ABS" && many == 1:
		return e.checkAll(n.Arguments...)
	case name == "FILL" && many == 2:
		if n.Arguments[1].String() == "REPEAT" {
			return e.check(n.Arguments[0])
		}
		if _, ok := number(n.Arguments[1]); !ok {
			break
		}
		return e.check(n.Arguments[0])
	case reductions[name] != nil && many == 1:
		if list, ok := n.Arguments[0].(*ast.ArrayNode); ok {
			return e.checkAll(list.Nodes...)
		}
	}
	return fmt.Errorf("the function %s is not known here", n)
}

// number returns a constant's value.
func number(n ast.Node) (float64, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	}
	return 0, false
}

// evaluate returns a point for each of count periods. A period has one where
// all that it is made of has one, and the result is a number.
func (e expression) evaluate(ids map[string][]point, count int) []point {
	return (&calculation{ids, count}).of(e.tree)
}

type calculation struct {
	ids   map[string][]point
	count int
}

func (c *calculation) of(n ast.Node) []point {
	if value, ok := number(n); ok {
		return slices.Repeat([]point{{known: true, value: value}}, c.count)
	}
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return c.ids[n.Value]
	case *ast.UnaryNode:
		return each(func(v []float64) float64 { return -v[0] }, c.of(n.Node))
	case *ast.BinaryNode:
		apply := operators[n.Operator]
		return each(func(v []float64) float64 { return apply(v[0], v[1]) }, c.of(n.Left), c.of(n.Right))
	}
	return c.call(n.(*ast.CallNode))
}

func (c *calculation) call(n *ast.CallNode) []point {
	switch name := n.Callee.String(); name {
	case "IF":
		return choose(c.of(n.Arguments[0]), c.of(n.Arguments[1]), c.of(n.Arguments[2]))
	case "ABS":
		return each(func(v []float64) float64 { return math.Abs(v[0]) }, c.of(n.Arguments[0]))
	case "FILL":
		return fill(c.of(n.Arguments[0]), n.Arguments[1])
	default:
		var lists [][]point
		for _, inner := range n.Arguments[0].(*ast.ArrayNode).Nodes {
			lists = append(lists, c.of(inner))
		}
		return each(reductions[name], lists...)
	}
}

// each applies f to the values of each period that all lists know.
func each(f func([]float64) float64, lists ...[]point) []point {
	result := make([]point, len(lists[0]))
	for i := range result {
		values := make([]float64, len(lists))
		known, few := true, false
		for j, list := range lists {
			values[j], known, few = list[i].value, known && list[i].known, few || list[i].few
		}
		if !known {
			continue
		}
		if v := f(values); !math.IsNaN(v) && !math.IsInf(v, 0) {
			result[i] = point{true, v, few}
		}
	}
	return result
}

// choose is IF: where the condition is unknown, so is the result; the branch
// that is not taken need not be known.
func choose(condition, yes, no []point) []point {
	result := make([]point, len(condition))
	for i, c := range condition {
		switch {
		case !c.known:
		case c.value != 0:
			result[i] = yes[i]
		default:
			result[i] = no[i]
		}
	}
	return result
}

// fill is FILL: a number for what is missing, or the value before.
func fill(points []point, with ast.Node) []point {
	filled := slices.Clone(points)
	value, constant := number(with)
	for i := len(filled) - 1; i >= 0; i-- { // the oldest first
		switch {
		case filled[i].known:
		case constant:
			filled[i] = point{known: true, value: value}
		case i+1 < len(filled):
			filled[i] = filled[i+1]
		}
	}
	return filled
}

var operators = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b }, "/": func(a, b float64) float64 { return a / b },
	"^": math.Pow,
	">": func(a, b float64) float64 { return truth(a > b) }, ">=": func(a, b float64) float64 { return truth(a >= b) },
	"<": func(a, b float64) float64 { return truth(a < b) }, "<=": func(a, b float64) float64 { return truth(a <= b) },
	"==": func(a, b float64) float64 { return truth(a == b) }, "!=": func(a, b float64) float64 { return truth(a != b) },
	"and": func(a, b float64) float64 { return truth(a != 0 && b != 0) },
	"or":  func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

var reductions = map[string]func([]float64) float64{
	"MIN": slices.Min[[]float64], "MAX": slices.Max[[]float64], "SUM": total,
	"AVG": func(v []float64) float64 { return total(v) / float64(len(v)) },
}

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
