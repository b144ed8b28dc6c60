package weburl_test

import (
	"fmt"

	"rollcall/internal/weburl"
)

func Example() {
	page, _ := weburl.Parse(`HTTPS://Shop.example:443/sale\50%-off?q=two words#top`, nil)
	fmt.Println(weburl.String(page))
	moved, _ := weburl.Parse("../new", page) // as of a Location
	fmt.Println(weburl.String(moved))
	_, err := weburl.Parse("http://256.1/", nil)
	fmt.Println("the URL", err)
	// Output:
	// https://shop.example/sale/50%-off?q=two%20words
	// https://shop.example/new
	// the URL has a host that ends in a number but is not an IPv4 address
}
