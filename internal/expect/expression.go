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
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// An Expression is something that an answer must fulfil, in the language of
// expr-lang/expr over the fields of an answer. It is compiled and type-checked
// once, and can be used by many goroutines.
type Expression struct {
	source  string
	program *vm.Program
	reads   map[string]bool // the names that occur in it
}

// An ExpressionError says where an expression is wrong.
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
	maxExpression = 2000 // bytes
	maxNodes      = 200
	maxSteps      = 100_000                // of all loops together
	maxEvaluation = 500 * time.Millisecond // of the process's time, which says nothing of the target
)

// functions are the language's own that no answer, however large, can turn
// into much time or memory.
var functions = []string{
	"all", "any", "none", "one", "count", "filter", "find", "len", "first", "last", "keys",
	"int", "float", "string", "abs", "ceil", "floor", "round", "min", "max",
	"trim", "upper", "lower", "indexOf", "hasPrefix", "hasSuffix",
}

// ExpressionNames are all the names that expressions know: an answer's fields
// and the functions.
func Names() []string {
	names := slices.Clone(functions)
	for _, t := range []reflect.Type{reflect.TypeFor[facts](), reflect.TypeFor[certificateFacts]()} {
		for field := range t.Fields() {
			if name := field.Tag.Get("expr"); name != stepName {
				names = append(names, name)
			}
		}
	}
	return names
}

// CompileExpression reads an expression that is true or false. The error is an
// *ExpressionError.
func Compile(source string) (*Expression, error) {
	if len(source) > maxExpression {
		return nil, &Error{Line: 1, Column: maxExpression, Message: fmt.Sprintf("is longer than %d bytes", maxExpression)}
	}
	program, err := compile(source, expr.AsBool())
	if err != nil {
		return nil, explained(err)
	}
	e := &Expression{source: source, program: program, reads: map[string]bool{}}
	root := program.Node()
	ast.Walk(&root, visitor(func(n *ast.Node) {
		if name, ok := (*n).(*ast.IdentifierNode); ok && name.Value != stepName {
			e.reads[name.Value] = true
		}
	}))
	return e, nil
}

// String returns the expression as it was written.
func (e *Expression) String() string { return e.source }

// Reads reports whether a field of the response occurs in the expression.
func (e *Expression) Reads(field string) bool { return e.reads[field] }

func compile(source string, more ...expr.Option) (*vm.Program, error) {
	limits := &limiter{}
	options := []expr.Option{
		expr.Env(facts{}), expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes), expr.Patch(limits), expr.Optimize(false),
	}
	for _, name := range functions {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(source, append(options, more...)...)
	if err == nil && limits.err != nil {
		err = limits.err.Bind(file.NewSource(source))
	}
	return program, err
}

// explained turns the compiler's error into ours.
func explained(err error) error {
	e, ok := errors.AsType[*file.Error](err)
	if !ok {
		return &Error{Line: 1, Column: 1, Message: firstLine(err)}
	}
	wrong := &Error{Line: max(e.Line, 1), Column: e.Column + 1, Message: e.Message}
	words := strings.Fields(e.Message)
	if strings.HasPrefix(e.Message, "unknown name ") || strings.Contains(e.Message, " has no field ") {
		wrong.Unknown = words[len(words)-1]
		wrong.Message = "unknown name " + wrong.Unknown
	}
	return wrong
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

type visitor func(*ast.Node)

func (v visitor) Visit(n *ast.Node) { v(n) }

// A limiter refuses what could make text without bound, and lets every turn of
// a loop be counted. Header names it makes lower case, as those of an answer
// are kept.
type limiter struct{ err *file.Error }

// Visit looks at one node.
func (l *limiter) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.PredicateNode:
		l.count(node)
	case *ast.BuiltinNode:
		if !slices.Contains(functions, node.Name) {
			l.refuse(node, "unknown name "+node.Name)
		}
	case *ast.IdentifierNode:
		if strings.HasPrefix(node.Value, "$") {
			l.refuse(node, "unknown name "+node.Value)
		}
	case *ast.BinaryNode:
		l.binary(node)
	case *ast.MemberNode:
		if base, ok := node.Node.(*ast.IdentifierNode); ok && base.Value == "header" {
			lowerCase(node)
		}
	}
}

// count puts a step before a loop's condition.
func (l *limiter) count(p *ast.PredicateNode) {
	if and, ok := p.Node.(*ast.BinaryNode); ok && isStep(and.Left) {
		return
	}
	step := &ast.CallNode{Callee: &ast.IdentifierNode{Value: stepName}}
	p.Node = &ast.BinaryNode{Operator: "&&", Left: step, Right: p.Node}
}

func isStep(n ast.Node) bool {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return false
	}
	name, ok := call.Callee.(*ast.IdentifierNode)
	return ok && name.Value == stepName
}

func (l *limiter) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		l.refuse(n, "ranges are not supported")
	case "+":
		if !isNumber(n.Left) || !isNumber(n.Right) {
			l.refuse(n, "+ adds numbers only; write float(…) where the type is not known")
		}
	}
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
	switch name := n.Property.(type) {
	case *ast.StringNode:
		name.Value = strings.ToLower(name.Value)
	case *ast.BuiltinNode:
		if name.Name == "lower" {
			return
		}
		n.Property = &ast.BuiltinNode{Name: "lower", Arguments: []ast.Node{n.Property}}
	default:
		n.Property = &ast.BuiltinNode{Name: "lower", Arguments: []ast.Node{n.Property}}
	}
}
