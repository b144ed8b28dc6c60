package expect_test

import (
	"fmt"
	"net/url"

	"rollcall/internal/check"
	"rollcall/internal/expect"
)

func Example() {
	e, err := expect.Compile("status == 200 && json.items > 5")
	if err != nil {
		panic(err)
	}
	u, _ := url.Parse("https://shop.example/health")
	fmt.Println(e.Check(&check.Response{Result: &check.Result{Status: 200}, URL: u, Body: `{"items": 3}`}))
	// Output: expectation json.items > 5: 3
}
