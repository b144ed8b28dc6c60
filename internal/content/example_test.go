package content_test

import (
	"fmt"

	"rollcall/internal/content"
)

// A page in Latin-1 is read as its visitors read it.
func ExampleText() {
	text, _ := content.Text("Gr\xfc\xdfe aus K\xf6ln", "text/html; charset=ISO-8859-1", false, 1<<20)
	fmt.Println(text)
	// Output: Grüße aus Köln
}
