//go:build race

package main

// hostsEach is how many hosts each of two invocations at once checks; the race
// detector gets as many as the function would.
const hostsEach = 5000
