// Package expect compiles the expressions of an event, evaluates them over a
// response and says why one does not hold. An [Expression] is a
// [check.Condition].
package expect
