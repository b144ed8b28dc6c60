package tally_test

import (
	"bytes"
	"fmt"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/plan"
	"rollcall/internal/tally"
)

func Example() {
	results := [][]check.Result{
		{{Name: "shop", Group: "web", State: check.Up, Complete: true, Duration: 81240 * time.Microsecond}},
		{{Name: "blog", Group: "web", State: check.Down, Reason: check.Timeout}, {Name: "wiki", Group: "web", State: check.Up}},
	}
	sum := tally.Sum(tally.OfSum)
	for index := range results {
		part := tally.New("20261130T0608Z", plan.Part{Index: index, Of: 3}, "v1", "1.0.0", "group")
		part.Take(results[index], nil, false, nil)
		var file bytes.Buffer
		if err := part.Encode(&file); err != nil {
			fmt.Println(err)
		}
		read, err := tally.Decode(&file, sum)
		if err != nil {
			fmt.Println(err)
			continue
		}
		if err := sum.Add(read); err != nil {
			fmt.Println(err)
		}
		fmt.Println(sum.Add(read)) // again
	}
	listed, _ := sum.Listed()
	fmt.Println(sum.Targets, "targets,", sum.Up, "up,", listed[0].Name, listed[0].State, listed[0].Reason)
	fmt.Println("missing:", tally.Ranges(sum.Missing()))
	// Output:
	// the part 1/3 is there twice
	// the part 2/3 is there twice
	// 3 targets, 2 up, blog down timeout
	// missing: 3
}
