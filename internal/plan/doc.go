// Package plan turns an event into a [Plan]: validated, defaulted, unique
// targets. What leaves it is checked once and for all; what is wrong leaves
// it as one [InvalidEventError] that lists every problem with its path.
//
// Sources of targets and environment variables come in through [Inputs]; the
// package itself opens nothing, and looks up no address.
package plan
