package page_test

import (
	"fmt"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/page"
)

func Example() {
	s := &monitor.Summary{
		Version: "1.2.3", Targets: 2, Up: 1, Down: 1, Duration: check.Milliseconds(812 * time.Millisecond),
		Results: []check.Result{
			{Name: "example.com", State: check.Up, Status: 200, Attempts: 1, Duration: 81240 * time.Microsecond},
			{Name: "shop", State: check.Down, Reason: check.Status, Detail: "503 Service Unavailable", Status: 503, Attempts: 2},
		},
	}
	var file strings.Builder
	if err := page.Write(&file, s); err != nil {
		fmt.Println(err)
	}
	_, rest, _ := strings.Cut(file.String(), "<title>")
	title, _, _ := strings.Cut(rest, "</title>")
	fmt.Println(title)
	// Output: 1 of 2 targets is down · Rollcall
}
