package list_test

import (
	"fmt"

	"rollcall/internal/list"
)

func Example() {
	fmt.Println(list.Options{Name: "urls.txt"}.Name)
	// Output: urls.txt
}
