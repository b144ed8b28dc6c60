package notify_test

import (
	"fmt"

	"rollcall/internal/message"
	"rollcall/internal/notify"
)

func Example() {
	destinations, problems := notify.Parse(`# the team's channel
group=shop severity>=warning slack://hook:T00000000-B00000000-000000000000000000000000@webhook
pagerduty://events.pagerduty.com/0123456789abcdef0123456789abcdef
slack://what-is-this
`)
	m := &message.Document{Kind: "incident", State: "down", Severity: "critical", Groups: []string{"shop"}, Subject: "DOWN: checkout (shop)",
		Incidents: []message.Incident{{ID: "c7761e58969f-20261130T1403Z", State: "down", Group: "shop"}}}
	for _, d := range destinations {
		for _, n := range notify.Notes(&d, m) {
			fmt.Println(d.String(), n.Event != nil)
		}
	}
	fmt.Println(problems)
	// Output:
	// line 2 (slack) false
	// line 3 (pagerduty) true
	// [line 4: the URL is not valid for slack]
}
