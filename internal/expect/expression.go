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
	source string
	parts  []part          // joined by &&
	reads  map[string]bool // the names that occur in it
}

// A part is one of the conditions that an expression joins by &&.
type part struct {
	source   string
	program  *vm.Program
	reads    map[string]bool
	operands []operand
}

// An operand is what a failed part is explained by: a side of its comparison
// that is not constant, or a field that it reads.
type operand struct {
	program *vm.Program
	reads   map[string]bool
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
	maxEvaluation = 500 * time.Millisecond // of the process's time, which says nothing of the target
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
			if name := field.Tag.Get("expr"); name != stepName {
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
	limits := &limiter{}
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
	plain, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, explained(err)
	}
	tree, err := checker.ParseCheck(source, config)
	if err == nil && limits.err != nil {
		err = limits.err.Bind(file.NewSource(source))
	}
	if err != nil {
		return nil, explained(err)
	}
	// Each part gets a program of its own, from the one tree that was checked;
	// its text is that of the tree before limits changed it.
	e := &Expression{source: source, reads: namesIn(tree.Node)}
	texts := conjuncts(plain.Node)
	values := *config
	values.Expect = reflect.Invalid
	for i, node := range conjuncts(tree.Node) {
		p := part{source: texts[i].String(), reads: namesIn(node)}
		if p.program, err = compiler.Compile(&parser.Tree{Node: node, Source: tree.Source}, config); err != nil {
			return nil, explained(err)
		}
		for _, side := range operands(node) {
			program, err := compiler.Compile(&parser.Tree{Node: side, Source: tree.Source}, &values)
			if err != nil {
				return nil, explained(err)
			}
			p.operands = append(p.operands, operand{program, namesIn(side)})
		}
		e.parts = append(e.parts, p)
	}
	return e, nil
}

// String returns the expression as it was written.
func (e *Expression) String() string { return e.source }

// Reads reports whether a field of the response occurs in the expression.
func (e *Expression) Reads(field string) bool { return e.reads[field] }

// explained turns the compiler's error into ours.
func explained(err error) error {
	e, ok := errors.AsType[*file.Error](err)
	if !ok {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return &Error{Line: 1, Column: 1, Message: line}
	}
	wrong := &Error{Line: max(e.Line, 1), Column: e.Column + 1, Message: e.Message}
	words := strings.Fields(e.Message)
	if strings.HasPrefix(e.Message, "unknown name ") || strings.Contains(e.Message, " has no field ") {
		wrong.Unknown = words[len(words)-1]
		wrong.Message = "unknown name " + wrong.Unknown
	}
	return wrong
}

func conjuncts(n ast.Node) []ast.Node {
	if and, ok := n.(*ast.BinaryNode); ok && (and.Operator == "&&" || and.Operator == "and") {
		return append(conjuncts(and.Left), conjuncts(and.Right)...)
	}
	return []ast.Node{n}
}

// operands are the sides of a comparison, except constants; of anything else,
// the fields that it reads, each with all of its path.
func operands(part ast.Node) []ast.Node {
	if b, ok := part.(*ast.BinaryNode); ok && b.Operator != "||" && b.Operator != "or" {
		return slices.DeleteFunc([]ast.Node{b.Left, b.Right}, func(side ast.Node) bool { return len(namesIn(side)) == 0 })
	}
	var found []ast.Node
	inner := map[ast.Node]bool{}
	local := map[string]bool{}
	ast.Walk(&part, visitor(func(n *ast.Node) {
		switch node := (*n).(type) {
		case *ast.VariableDeclaratorNode:
			local[node.Name] = true
		case *ast.MemberNode:
			inner[node.Node] = true
			found = append(found, node)
		case *ast.IdentifierNode:
			found = append(found, node)
		}
	}))
	return slices.DeleteFunc(found, func(n ast.Node) bool {
		names := namesIn(n)
		for name := range names {
			if local[name] {
				return true // has no value outside of let
			}
		}
		return inner[n] || len(names) == 0
	})
}

func namesIn(n ast.Node) map[string]bool {
	names := map[string]bool{}
	ast.Walk(&n, visitor(func(n *ast.Node) {
		if name, ok := (*n).(*ast.IdentifierNode); ok && name.Value != stepName {
			names[name.Value] = true
		}
	}))
	return names
}

type visitor func(*ast.Node)

// Visit looks at one node.
func (v visitor) Visit(n *ast.Node) { v(n) }

// A limiter refuses what could make text without bound, and lets every turn of
// a loop be counted. Header names it makes lower case, as those of a response
// are kept.
type limiter struct{ err *file.Error }

// Visit looks at one node.
func (l *limiter) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.PredicateNode: // a loop's condition: a step before it
		if and, ok := node.Node.(*ast.BinaryNode); !ok || !isStep(and.Left) {
			step := &ast.CallNode{Callee: &ast.IdentifierNode{Value: stepName}}
			node.Node = &ast.BinaryNode{Operator: "&&", Left: step, Right: node.Node}
		}
	case *ast.BuiltinNode:
		if !slices.Contains(functions, node.Name) {
			l.refuse(node, "unknown name "+node.Name)
		}
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
		}
	case *ast.MemberNode:
		if base, ok := node.Node.(*ast.IdentifierNode); ok && base.Value == "header" {
			lowerCase(node)
		}
	}
}

func isStep(n ast.Node) bool {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return false
	}
	name, ok := call.Callee.(*ast.IdentifierNode)
	return ok && name.Value == stepName
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
