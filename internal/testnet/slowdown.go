//go:build !race

package testnet

// Slowdown: see patience_race.go.
const Slowdown = 1
