// Package check is the vocabulary of Rollcall: what is checked ([Target],
// [Settings], [Condition]) and what was found out ([Result], with a [State], a
// closed [Reason] and the durations of its [Phases]), how a reason explains
// itself and what a result is in JSON. Everything else in Rollcall is about
// getting targets in and results out. It imports nothing of ours.
package check
