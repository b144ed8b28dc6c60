// Package probe checks one target over one fresh connection and returns the one
// thing that is true of it, a [check.Result]: it is an HTTP client with clocks.
package probe
