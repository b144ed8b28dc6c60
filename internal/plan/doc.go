// Package plan turns an event into a [Plan]: validated, defaulted, unique
// targets. What leaves it is checked once and for all; what is wrong leaves
// it as one [InvalidEventError] that lists every problem with its path.
//
// The package is pure. Files and environment variables come in through
// [Inputs]; no address is looked up and no packet is sent.
package plan
