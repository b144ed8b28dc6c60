package plan

import (
	"errors"

	"rollcall/internal/probe"
)

// maxExpressions bounds what one answer is held against.
const maxExpressions = 50

// expressions are those that were compiled already, by their source: equal
// ones are one, which saves memory and makes equal targets equal.
type expressions map[string]*probe.Expression

// list returns how a list of expressions is read. It replaces the one before.
func (known expressions) list(put func(*probe.Settings, []*probe.Expression)) func(value) set {
	return func(v value) set {
		if !v.must("an array") {
			return nil
		}
		all := []*probe.Expression{}
		for i, element := range v.elements() {
			if i == maxExpressions {
				v.problem("has more than %d expressions", maxExpressions)
				break
			}
			if e := known.read(element); e != nil {
				all = append(all, e)
			}
		}
		return func(s *probe.Settings) { put(s, all) }
	}
}

func (known expressions) read(v value) *probe.Expression {
	source, ok := v.notBlank()
	if !ok {
		return nil
	}
	if e, ok := known[source]; ok {
		return e
	}
	e, err := probe.CompileExpression(source)
	if err != nil {
		hint := ""
		if wrong, ok := errors.AsType[*probe.ExpressionError](err); ok && wrong.Unknown != "" {
			hint = suggestion(wrong.Unknown, probe.ExpressionNames())
		}
		v.problem("%s: %v%s", quote(source), err, hint)
		return nil
	}
	known[source] = e
	return e
}
