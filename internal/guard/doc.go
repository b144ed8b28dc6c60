// Package guard decides which addresses may be dialled, and which host names
// may be looked up.
package guard
