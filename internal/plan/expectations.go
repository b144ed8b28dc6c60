package plan

import (
	"errors"

	"rollcall/internal/check"
	"rollcall/internal/expect"
)

// maxExpressions bounds what one answer is held against.
const maxExpressions = 50

// expressions are those that were compiled already, by their source: equal
// ones are one, which saves memory and makes equal targets equal.
type expressions map[string]*expect.Expression

// list returns how a list of expressions is read. It replaces the one before.
func (known expressions) list(put func(*check.Settings, []check.Condition)) func(value) set {
	return func(v value) set {
		if !v.must("an array") {
			return nil
		}
		all := []check.Condition{}
		for i, element := range v.elements() {
			if i == maxExpressions {
				v.problem("has more than %d expressions", maxExpressions)
				break
			}
			if e := known.read(element); e != nil {
				all = append(all, e)
			}
		}
		return func(s *check.Settings) { put(s, all) }
	}
}

func (known expressions) read(v value) *expect.Expression {
	source, ok := v.notBlank()
	if !ok {
		return nil
	}
	if e, ok := known[source]; ok {
		return e
	}
	e, err := expect.Compile(source)
	if err != nil {
		hint := ""
		if wrong, ok := errors.AsType[*expect.Error](err); ok && wrong.Unknown != "" {
			hint = suggestion(wrong.Unknown, expect.Names())
		}
		v.problem("%s: %v%s", quote(source), err, hint)
		return nil
	}
	known[source] = e
	return e
}
