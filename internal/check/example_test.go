package check_test

import (
	"encoding/json"
	"fmt"

	"rollcall/internal/check"
)

func Example() {
	result := check.Unprobed(&check.Target{Name: "shop", Group: "default", RedactedURL: "https://shop.example"}, check.Deadline, "")
	fmt.Println(result.State, result.Reason, result.Retryable())
	fmt.Println(check.Deadline.Explain().Meaning)
	text, _ := json.Marshal(result.Reason)
	fmt.Println(string(text))
	// Output:
	// not_checked deadline false
	// The run's time ended during the check.
	// "deadline"
}
