package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The messages' JSON is as docs/message.schema.json says, by a validator that no one
// here wrote.
func TestMessagesFollowTheirSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../../docs/message.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../internal/message/testdata/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d messages: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, encoded, found := strings.Cut(string(text), "--- JSON\n")
		message, err := jsonschema.UnmarshalJSON(strings.NewReader(encoded))
		if !found || err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := schema.Validate(message); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
