package list_test

import (
	"context"
	"fmt"
	"strings"

	"rollcall/internal/list"
)

func Example() {
	lists := []string{
		"# ours\nhttps://a.example\n- \"https://b.example\",\n",
		"name;URL\nshop;https://a.example\n",
		"1,a.example\n2,b.example\n",
		"{\"url\": \"https://a.example\"}\n{\"url\": \"https://b.example\"}\n",
	}
	for _, text := range lists {
		r, err := list.Open(strings.NewReader(text), list.Options{})
		if err != nil {
			fmt.Println(err)
			continue
		}
		for e := range r.Entries(context.Background()) {
			switch {
			case e.Fault != "":
				fmt.Println(e.Line, "fault:", e.Fault)
			case e.Fields != nil:
				fmt.Println(e.Line, "row:", e.Fields)
			case e.JSON != nil:
				fmt.Println(e.Line, "JSON:", string(e.JSON))
			default:
				fmt.Println(e.Line, "URL:", e.Text)
			}
		}
	}
	// Output:
	// 2 URL: https://a.example
	// 3 URL: https://b.example
	// 2 row: [{name shop} {URL https://a.example}]
	// 1 URL: a.example
	// 2 URL: b.example
	// 1 JSON: {"url": "https://a.example"}
	// 2 JSON: {"url": "https://b.example"}
}
