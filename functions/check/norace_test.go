//go:build !race

package main

// hostsEach: see race_test.go.
const hostsEach = 500
