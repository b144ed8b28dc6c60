package expect

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// An Expression is a condition that a response must fulfil, in the language of
// expr-lang/expr over the fields of a response. It is compiled and type-checked
// once, and can be used by many goroutines.
type Expression struct {
	source   string
	parts    []part          // joined by &&
	patterns []*pattern      // of its matches
	reads    map[string]bool // the names that occur in it
}

// A part is one of the conditions that an expression joins by &&.
type part struct {
	source   string
	program  *vm.Program
	reads    map[string]bool
	operands []operand
}

// An operand is what a failed part is explained by: a side of its comparison
// that is not constant, or a field that it reads. The program keeps its value.
type operand struct {
	node  ast.Node
	reads map[string]bool
}

// An Error says where an expression is wrong.
type Error struct {
	Line, Column int // from 1
	Message      string
	Unknown      string // the name that is not known, if that is what is wrong
}

// Error says what is wrong and where.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// What an expression can ask for is bounded when it is compiled, where it can
// be said, and otherwise when it runs.
const (
	maxSource     = 2000 // bytes
	maxNodes      = 200
	maxSteps      = 100_000                // of all loops together
	maxEvaluation = 500 * time.Millisecond // of CPU time
)

// functions are the language's own that no response, however large, can turn
// into much time or memory.
var functions = []string{
	"all", "any", "none", "one", "count", "filter", "find", "len", "first", "last", "keys",
	"int", "float", "string", "abs", "ceil", "floor", "round", "min", "max",
	"trim", "upper", "lower", "indexOf", "hasPrefix", "hasSuffix",
}

// Names are all the names that expressions know: a response's fields and the
// functions.
func Names() []string {
	names := slices.Clone(functions)
	for _, t := range []reflect.Type{reflect.TypeFor[variables](), reflect.TypeFor[certificate]()} {
		for field := range t.Fields() {
			if name := field.Tag.Get("expr"); !ours(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Compile reads an expression that is true or false. The error is an *Error.
func Compile(source string) (*Expression, error) {
	if len(source) > maxSource {
		return nil, &Error{Line: 1, Column: maxSource, Message: fmt.Sprintf("is longer than %d bytes", maxSource)}
	}
	e := &Expression{source: source}
	limits := &limiter{expression: e}
	config := conf.CreateNew()
	for _, set := range []expr.Option{
		expr.Env(variables{}), expr.MaxNodes(maxNodes), expr.Patch(limits), expr.Optimize(false), expr.AsBool(),
	} {
		set(config)
	}
	for name := range config.Builtins {
		if !slices.Contains(functions, name) {
			config.Disabled[name] = true
			delete(config.Builtins, name)
		}
	}
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, explained(err)
	}
	ast.Walk(&tree.Node, visitor(limits.pattern)) // the checker would compile patterns of any size
	var texts []string                            // of the parts, before limits change them
	for _, node := range conjuncts(tree.Node) {
		texts = append(texts, node.String())
	}
	if limits.err == nil {
		_, err = new(checker.Checker).PatchAndCheck(tree, config)
	}
	if err == nil && limits.err != nil {
		err = limits.err.Bind(tree.Source)
	}
	if err != nil {
		return nil, explained(err)
	}
	e.reads = namesIn(tree.Node)
	for i, node := range conjuncts(tree.Node) {
		p := part{source: texts[i], reads: namesIn(node), operands: operands(node)}
		ast.Walk(&node, visitor(p.keep))
		if p.program, err = compiler.Compile(&parser.Tree{Node: node, Source: tree.Source}, config); err != nil {
			return nil, explained(err)
		}
		e.parts = append(e.parts, p)
	}
	return e, nil
}

// keep makes the program keep the value of n, if n is an operand.
func (p *part) keep(n *ast.Node) {
	i := slices.IndexFunc(p.operands, func(o operand) bool { return o.node == *n })
	if i >= 0 {
		ast.Patch(n, call(keepName, reflect.TypeFor[func(any, any) any](), &ast.IntegerNode{Value: i}, *n))
	}
}

// call is a call of one of our functions.
func call(name string, of reflect.Type, arguments ...ast.Node) *ast.CallNode {
	callee := &ast.IdentifierNode{Value: name}
	callee.SetType(of)
	return &ast.CallNode{Callee: callee, Arguments: arguments}
}

// String returns the expression as it was written.
func (e *Expression) String() string { return e.source }

// Reads reports whether a field of the response occurs in the expression.
func (e *Expression) Reads(field string) bool { return e.reads[field] }

// explained turns the compiler's error into ours.
func explained(err error) error {
	message, _, _ := strings.Cut(err.Error(), "\n")
	wrong := &Error{Line: 1, Column: 1, Message: message}
	if e, ok := errors.AsType[*file.Error](err); ok {
		wrong = &Error{Line: max(e.Line, 1), Column: e.Column + 1, Message: e.Message}
	}
	if strings.HasPrefix(wrong.Message, "unknown name ") || strings.Contains(wrong.Message, " has no field ") {
		words := strings.Fields(wrong.Message)
		wrong.Unknown = words[len(words)-1]
		wrong.Message = "unknown name " + wrong.Unknown
	}
	return wrong
}

// Hint says what was probably meant, such as "write == to compare, >= for at
// least", or nothing.
func (e *Error) Hint() string {
	for _, h := range hints {
		if strings.Contains(e.Message, h.message) {
			return h.hint
		}
	}
	return ""
}

// hints are for what other languages write, by a part of the message.
var hints = []struct{ message, hint string }{
	{`Operator("=")`, "write == to compare, >= for at least"},
	{`Operator(">")`, "write != for not equal"}, // "<>"
	{`Identifier("is")`, "write == to compare"},
	{`Identifier("AND")`, "write and, or, not in lower case"},
	{`Identifier("OR")`, "write and, or, not in lower case"},
	{"unknown name NOT", "write and, or, not in lower case"},
	{`Operator("&")`, "write && or and"},
	{`Operator(",")`, "a list has square brackets, for example status in [200, 204]"},
	{`Identifier("like")`, "write contains 'text', or matches 'pattern'"},
	{`'~'`, "write matches 'pattern'"},
	{`Operator("/")`, "write matches 'pattern'"},
	{"has no method", "write body contains 'text': contains, startsWith, endsWith and matches are operators"},
	{`Operator("contains")`, "write body contains 'text'"},
	{"unknown name null", "write nil"},
	{"unknown name response", "write the field alone, for example status"},
	{"bad number syntax", "numbers have no unit: durations are milliseconds"},
	{"expected bool", "compare it, for example status == 200"},
	{"mismatched type int", "a comparison after not needs brackets, for example not (status == 200)"},
	{"mismatched types int and string", "numbers have no quotation marks"},
	{"U+201", "write ' or \""}, // typographic quotation marks
	{"unexpected token EOF", "the end is missing, perhaps a bracket"},
}

func conjuncts(n ast.Node) []ast.Node {
	if and, ok := n.(*ast.BinaryNode); ok && (and.Operator == "&&" || and.Operator == "and") {
		return append(conjuncts(and.Left), conjuncts(and.Right)...)
	}
	return []ast.Node{n}
}

// operands are the sides of a comparison, except constants; of anything else,
// the fields that it reads, each with all of its path.
func operands(part ast.Node) []operand {
	var found []ast.Node
	inner := map[ast.Node]bool{}
	local := map[string]bool{}
	bare := withoutTime(part)
	if b, ok := bare.(*ast.BinaryNode); ok && b.Operator != "||" && b.Operator != "or" {
		found = []ast.Node{b.Left, b.Right}
	} else if text, ok := matched(bare); ok {
		found = []ast.Node{text}
	} else {
		ast.Walk(&part, visitor(func(n *ast.Node) {
			switch node := (*n).(type) {
			case *ast.VariableDeclaratorNode:
				local[node.Name] = true
			case *ast.MemberNode:
				inner[node.Node] = true
				found = append(found, node)
			case *ast.ChainNode:
				inner[node.Node] = true
				found = append(found, node)
			case *ast.IdentifierNode:
				found = append(found, node)
			}
		}))
	}
	var all []operand
	for _, n := range found {
		names := namesIn(n)
		if inner[n] || len(names) == 0 {
			continue
		}
		for name := range names {
			if local[name] {
				names = nil // has no value outside of let
				break
			}
		}
		if names != nil {
			all = append(all, operand{n, names})
		}
	}
	return all
}

func namesIn(n ast.Node) map[string]bool {
	names := map[string]bool{}
	ast.Walk(&n, visitor(func(n *ast.Node) {
		if name, ok := (*n).(*ast.IdentifierNode); ok && !ours(name.Value) {
			names[name.Value] = true
		}
	}))
	return names
}

type visitor func(*ast.Node)

// Visit looks at one node.
func (v visitor) Visit(n *ast.Node) { v(n) }

// A limiter refuses what could make text without bound, lets every turn of a
// loop be counted, and lets the clock be looked at before what may take long.
// Header names it makes lower case, as those of a response are kept.
type limiter struct {
	expression *Expression
	err        *file.Error
}

// pattern refuses patterns that can't be compiled with the event: what a
// response sends is never one.
func (l *limiter) pattern(n *ast.Node) {
	node, ok := (*n).(*ast.BinaryNode)
	if !ok || node.Operator != "matches" {
		return
	}
	source, ok := node.Right.(*ast.StringNode)
	if !ok {
		l.refuse(node, "the pattern of matches is not a constant: write it in quotation marks")
		return
	}
	if _, err := compilePattern(source.Value); err != nil {
		l.refuse(node, err.Error())
	}
}

// Visit looks at one node.
func (l *limiter) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.PredicateNode: // a loop's condition: a step before it
		node.Node = &ast.BinaryNode{Operator: "&&", Left: call(stepName, reflect.TypeFor[func() bool]()), Right: node.Node}
	case *ast.BuiltinNode:
		if !slices.Contains(functions, node.Name) {
			l.refuse(node, "unknown name "+node.Name)
		}
		timed(n)
	case *ast.IdentifierNode:
		if strings.HasPrefix(node.Value, "$") {
			l.refuse(node, "unknown name "+node.Value)
		}
	case *ast.BinaryNode:
		switch node.Operator {
		case "..":
			l.refuse(node, "ranges are not supported")
		case "+":
			if !isNumber(node.Left) || !isNumber(node.Right) {
				l.refuse(node, "+ adds numbers only; write float(…) where the type is not known")
			}
		case "==", "!=", "in", "contains":
			if !isConstant(node.Left) && !isConstant(node.Right) {
				timed(n)
			}
		case "matches":
			l.match(n, node)
		}
	case *ast.MemberNode:
		if base, ok := node.Node.(*ast.IdentifierNode); ok && base.Value == "header" {
			lowerCase(node)
		}
	}
}

// match lets a match be ours, which can be stopped. What is known not to be
// text is left to the checker, who says so.
func (l *limiter) match(n *ast.Node, node *ast.BinaryNode) {
	if kind := node.Left.Type().Kind(); kind != reflect.String && kind != reflect.Interface {
		return
	}
	p, err := compilePattern(node.Right.(*ast.StringNode).Value)
	if err != nil {
		l.refuse(node, err.Error())
		return
	}
	l.expression.patterns = append(l.expression.patterns, p)
	number := &ast.IntegerNode{Value: len(l.expression.patterns) - 1}
	ast.Patch(n, call(matchName, reflect.TypeFor[func(any, any) bool](), node.Left, number))
}

// matched returns the text of a match that is ours.
func matched(n ast.Node) (ast.Node, bool) {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return nil, false
	}
	name, ok := call.Callee.(*ast.IdentifierNode)
	if !ok || name.Value != matchName {
		return nil, false
	}
	return call.Arguments[0], true
}

// timed lets the clock be looked at before a node, which can't be stopped.
func timed(n *ast.Node) {
	both := &ast.SequenceNode{Nodes: []ast.Node{call(timeName, reflect.TypeFor[func() bool]()), *n}}
	both.SetNature(*(*n).Nature())
	ast.Patch(n, both)
}

// withoutTime returns what timed was given.
func withoutTime(n ast.Node) ast.Node {
	if both, ok := n.(*ast.SequenceNode); ok {
		return both.Nodes[len(both.Nodes)-1]
	}
	return n
}

func isConstant(n ast.Node) bool {
	switch n.(type) {
	case *ast.NilNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return true
	}
	return false
}

func (l *limiter) refuse(n ast.Node, message string) {
	if l.err == nil {
		l.err = &file.Error{Location: n.Location(), Message: message}
	}
}

func isNumber(n ast.Node) bool {
	t := n.Type()
	return t != nil && (t.Kind() == reflect.Int || t.Kind() == reflect.Float64)
}

func lowerCase(n *ast.MemberNode) {
	if name, ok := n.Property.(*ast.StringNode); ok {
		name.Value = strings.ToLower(name.Value)
		return
	}
	if name, ok := n.Property.(*ast.BuiltinNode); ok && name.Name == "lower" {
		return
	}
	n.Property = &ast.BuiltinNode{Name: "lower", Arguments: []ast.Node{n.Property}}
}
