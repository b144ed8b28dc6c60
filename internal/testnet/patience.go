//go:build !race

package testnet

// Patience: see patience_race.go.
const Patience = 1
