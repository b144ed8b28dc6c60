//go:build race

package testnet

// Slowdown is how many times longer than on an idle machine a test lets a
// thing take: the race detector slows the test network's servers as well as us.
const Slowdown = 5
