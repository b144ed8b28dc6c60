package plan

import (
	"bytes"
	"os"
	"testing"
)

const schemaFile = "../../docs/event.schema.json"

// docs/event.schema.json is written by this test when UPDATE is set in its
// environment.
func TestSchemaIsCurrent(t *testing.T) {
	want := Schema()
	got, err := os.ReadFile(schemaFile)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("docs/event.schema.json is not what the fields say (%v); UPDATE=1 go test ./internal/plan -run Schema writes it", err)
	}
	if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
		t.Fatal(err)
	}
}
