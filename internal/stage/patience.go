//go:build !race

package stage

// Patience: see patience_race.go.
const Patience = 1
