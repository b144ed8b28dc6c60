//go:build !race

package testnet

// Slowdown: see slowdown_race.go.
const Slowdown = 1
