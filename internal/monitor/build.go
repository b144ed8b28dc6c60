package monitor

import (
	"context"
	"io/fs"
	"log/slog"
	"os"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/plan"
	"rollcall/internal/probe"
	"rollcall/internal/sweep"
)

// Surroundings are what a monitor finds around it.
type Surroundings struct {
	Version string
	Lookup  func(name string) (string, bool) // the environment
	Prober  *probe.Prober
	Log     *slog.Logger
}

// Guard is the address guard as configured.
func (c Config) Guard() guard.Guard {
	return guard.Guard{Allow: c.Allow, RuntimeAPI: c.RuntimeAPI}
}

// SecondDials is how many checks may dial a second address beside a silent one:
// the descriptors for them are no check's.
func (c Config) SecondDials() int {
	_, seconds := sweep.Capacity(c.Memory)
	return seconds
}

// Monitor returns a monitor as configured, which publishes nothing yet. What
// it may read is below LAMBDA_TASK_ROOT, else below the working directory.
func (c Config) Monitor(s Surroundings) *Monitor {
	inFlight := c.InFlight
	if inFlight == 0 {
		checks, _ := sweep.Capacity(c.Memory)
		inFlight = max(1, checks/c.Concurrent)
	}
	return &Monitor{
		Version: s.Version, Profile: c.Profile, Limit: c.TargetLimit, Reserve: c.Reserve, MaxAge: c.MaxAge,
		Inputs: Inputs(s.Lookup, s.Lookup),
		Sweeper: sweep.Sweeper{
			Probe: s.Prober.Probe, InFlight: inFlight, Canary: c.canary(s.Prober), Log: s.Log,
		},
		Log: s.Log,
	}
}

// Inputs are what an event may refer to: the files below LAMBDA_TASK_ROOT, else
// below the working directory, and the variables.
func Inputs(environment, variables func(name string) (string, bool)) plan.Inputs {
	root, _ := environment("LAMBDA_TASK_ROOT")
	return plan.Inputs{Files: below(root), Lookup: variables}
}

// below opens a directory that nothing leads out of; nil if it can't be read.
func below(dir string) fs.FS {
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil
	}
	return root.FS()
}

// canary checks the canary's URL as a target is checked; nil: there is none.
func (c Config) canary(prober *probe.Prober) func(context.Context) check.Result {
	if c.Canary == nil {
		return nil
	}
	return func(ctx context.Context) check.Result { return prober.Probe(ctx, c.Canary) }
}
