// Package hostile lets the compiled program check servers that send random
// frames of HTTP/2 and random records of TLS, and measures how long it stays.
package hostile
