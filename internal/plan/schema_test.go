package plan

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The schemas in docs are written by this test when UPDATE is set in its
// environment.
func TestSchemaIsCurrent(t *testing.T) {
	for name, want := range map[string][]byte{"event.schema.json": Schema(), "event.editor.schema.json": EditorSchema()} {
		got, err := os.ReadFile("../../docs/" + name)
		if err == nil && bytes.Equal(got, want) {
			continue
		}
		if os.Getenv("UPDATE") == "" {
			t.Fatalf("docs/%s is not what the fields say (%v); UPDATE=1 go test ./internal/plan -run Schema writes it", name, err)
		}
		if err := os.WriteFile("../../docs/"+name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPatternsHaveMessages(t *testing.T) {
	text := string(EditorSchema())
	if n := strings.Count(text, `"pattern":`); n < 20 || strings.Contains(text, `ErrorMessage": ""`) || strings.Contains(text, `errorMessage": ""`) {
		t.Errorf("%d patterns; some have no message", n)
	}
	for pattern := range messages {
		encoded, _ := json.Marshal(pattern)
		if !strings.Contains(text, string(encoded)) {
			t.Errorf("the schema has no pattern %s", pattern)
		}
	}
}
