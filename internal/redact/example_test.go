package redact_test

import (
	"fmt"
	"net/http"
	"net/url"

	"rollcall/internal/redact"
)

func Example() {
	u, _ := url.Parse("https://me:pass@shop.example/orders?token=opensesame")
	fmt.Println(redact.URL(u))
	secrets := redact.SecretsOf(http.Header{"X-Api-Key": {"ali-baba-1001"}}, "", u, nil)
	fmt.Println(secrets.Redact("no such key: ali-baba-1001"))
	// Output:
	// https://shop.example/orders?…
	// no such key: …
}
