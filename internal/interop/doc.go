// Package interop holds the probe against servers that others wrote: nginx,
// caddy, h2o and openssl s_server. It is tests only, behind the build tag
// interop, since it wants these programs on the machine:
//
//	make interop
//
// Every server runs on loopback with its own configuration in a temporary
// folder and a certificate of the stage's authority.
package interop
