// Package probe checks one target over one fresh connection and says the one
// thing that is true of it: a [Result] with a state, a closed [Reason] and
// the durations of its phases.
//
// The field's nouns live here: [Target], [Result], [State], [Reason] and
// [Phase]. Everything else in Rollcall is about getting targets in and
// results out.
package probe
