//go:build race

package stage

// Patience is how many times longer than on an idle machine a test lets a
// thing take: the race detector slows the stage's servers as well as us.
const Patience = 5
