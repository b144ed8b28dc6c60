// Package redact makes texts fit to be shown: URLs without user information and
// query, what a server sent without the secrets of the request, and all of it
// printable and bounded.
package redact
