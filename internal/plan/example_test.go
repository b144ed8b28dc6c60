package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing/fstest"

	"rollcall/internal/list"
	"rollcall/internal/plan"
)

func ExampleParse() {
	event := strings.NewReader(`{
		"defaults": {"timeout": "5s"},
		"urls": [
			"https://example.com",
			{"url": "https://shop.example.com/health?deep=1", "group": "shop", "timeout": "2s",
			 "headers": {"Authorization": "Bearer ${env:TOKEN}"}},
			"example.com"
		]
	}`)
	none := func(string) (string, bool) { return "", false }
	p, err := plan.Parse(context.Background(), event, plan.Inputs{Lookup: none})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range p.Targets {
		fmt.Printf("%s (%s) %v %q\n", t.Name, t.Group, t.Timeout, t.Invalid)
	}
	// Output:
	// example.com (default) 5s ""
	// shop.example.com/health#5ca9299eadf1 (shop) 2s "headers.Authorization: ${env:TOKEN} is not allowed here (ROLLCALL_ENV=TOKEN@shop.example.com or --env TOKEN@shop.example.com)"
	// example.com#391196688aa5 (default) 5s "url: is not absolute (write https://…)"
}

func ExampleParse_source() {
	files := fstest.MapFS{"lists/sites.txt": {Data: []byte("# our sites\nhttps://example.com\nhttps://example.org/shop\n")}}
	p, err := plan.Parse(context.Background(), strings.NewReader(`{"source": "lists/sites.txt", "metrics": "group"}`), plan.Inputs{Sources: map[string]plan.Source{"file": plan.Files(files)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range p.Targets {
		fmt.Println(t.URL)
	}
	// Output:
	// https://example.com/
	// https://example.org/shop
}

func ExampleInvalidEventError() {
	_, err := plan.Parse(context.Background(), strings.NewReader(`{"urls": [{"url": "https://example.com", "tiemout": "5s", "retries": 99}]}`), plan.Inputs{})
	fmt.Println(err)
	// Output:
	// the event has 2 problems:
	// urls[0].tiemout: is unknown (did you mean "timeout"?)
	// urls[0].retries: 99 is out of range (0 to 10)
}

func ExampleParseInput() {
	p, err := plan.ParseInput(context.Background(), strings.NewReader("https://example.com # the first\n\nhttps://example.org\n"), list.Options{}, plan.Inputs{})
	fmt.Println(len(p.Targets), err)
	// Output: 2 <nil>
}
