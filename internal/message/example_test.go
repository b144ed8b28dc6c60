package message_test

import (
	"fmt"
	"time"

	"rollcall/internal/history"
	"rollcall/internal/message"
)

func Example() {
	minute := time.Date(2026, 11, 30, 14, 5, 0, 0, time.UTC)
	changes := []history.Entry{{Seq: 1, Change: history.Change{
		State: history.Down, Target: "checkout", Group: "shop", URL: "https://shop.example.com/health",
		Reason: "status", Detail: "503 Service Unavailable", Since: minute.Add(-2 * time.Minute), Runs: 3,
	}}}
	run := message.Run{Minute: minute, Targets: message.Totals{Total: 40, Up: 39, Down: 1}}
	for _, m := range message.Make(message.Site{Region: "us-east-1"}, run, changes, nil) {
		fmt.Println(m.Subject)
		fmt.Println(m.SMS)
		fmt.Println(m.State, m.Severity, m.Groups)
	}
	// Output:
	// DOWN: checkout (shop): 503 Service Unavailable
	// DOWN: checkout (shop): 503 Service Unavailable (us-east-1)
	// down critical [shop]
}
