// Package plan_test compares the event's schema with the event's reader, by a
// validator that no one here wrote.
package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"rollcall/internal/plan"
)

const testdata = "../../internal/plan/testdata/"

// inputs are what the events here refer to.
var inputs = plan.Inputs{Sources: map[string]plan.Source{"file": plan.Files(os.DirFS(testdata + "source"))}}

func eventFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(testdata + folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events in %s: %v", folder, err)
	}
	return files
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fieldsOfTarget are those that a target may have, by the schema.
func fieldsOfTarget(t *testing.T) map[string]any {
	t.Helper()
	var schema struct {
		Defs struct {
			Target struct{ Properties map[string]any }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(plan.Schema(), &schema); err != nil || len(schema.Defs.Target.Properties) < 10 {
		t.Fatalf("%v: the target has the fields %v", err, schema.Defs.Target.Properties)
	}
	return schema.Defs.Target.Properties
}

// byOthers is the schema as a validator that no one here wrote reads it.
func byOthers(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("event.schema.json", text); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// refusal is what the schema has against an event; nil: nothing.
func refusal(t *testing.T, s *jsonschema.Schema, event []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.TrimPrefix(event, []byte("\uFEFF"))))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// complaint is what Parse has against an event: why it is invalid, which targets
// can't be checked, and what may not be meant. Nil: nothing.
func complaint(t *testing.T, event []byte) error {
	t.Helper()
	p, err := plan.Parse(t.Context(), bytes.NewReader(event), inputs)
	if _, wrong := errors.AsType[*plan.InvalidEventError](err); err != nil && !wrong {
		t.Fatal(err)
	}
	if err != nil {
		return err
	}
	var all []error
	for _, problem := range p.Invalid {
		all = append(all, errors.New(problem.String()))
	}
	for _, warning := range p.Warnings {
		all = append(all, errors.New(warning))
	}
	return errors.Join(all...)
}

// What the schema refuses, Parse complains about: an editor never marks what is
// right.
func TestSchemaTakesValidEvents(t *testing.T) {
	s := byOthers(t)
	packaged, err := filepath.Glob("../../events/*.json")
	if err != nil || len(packaged) < 7 {
		t.Fatalf("events: %v, %v", packaged, err)
	}
	for _, file := range append(eventFiles(t, "valid"), packaged...) {
		event := readFile(t, file)
		if err := refusal(t, s, event); err != nil && complaint(t, event) == nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// A schema can't tell all that is wrong. What it can't is here, with the
// reason; all else of the two corpora it refuses.
func TestSchemaRefusesInvalidEvents(t *testing.T) {
	const (
		equal      = "names that are equal"
		twice      = "names given twice"
		urls       = "what a host, a port or an address is"
		references = "what may be referred to"
	)
	beyond := map[string]string{
		"groups": "how many different groups there are", "group-unknown": "which groups there are",
		"host-header": "what a host is", "surrogate": "halves of characters", "utf8": "broken UTF-8",
		"same-name-both": equal, "same-name-derived": equal, "same-name-given": equal, "twice": twice, "twice-in-target": twice,
		"alert-layers": "what the layers below say", "part-range": "which of two numbers is larger", "timeout-long": "how long a text is",
		"part-of-another-version": "which version a list has", "witness-history": "what excludes each other", "expect-one-equals-sign": "expressions",
		"url-port": urls, "url-host": urls, "url-ipv4": urls, "url-with-a-comma": urls, "url-invisible": "what is invisible",
		"reference-not-set": references, "reference-over-http": references,
	}
	s := byOthers(t)
	caught, all := 0, 0
	for _, file := range slices.Concat(eventFiles(t, "invalid"), eventFiles(t, "doubtful")) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		taken := refusal(t, s, readFile(t, file)) == nil
		inFile := strings.HasPrefix(name, "source-") && taken // what is wrong stands in the file that it names
		if why := beyond[name]; taken && why == "" && !inFile {
			t.Errorf("%s: the schema takes it", name)
		} else if !taken && why != "" {
			t.Errorf("%s: the schema refuses it, though it is listed as not knowing %s", name, why)
		}
		if all++; !taken {
			caught++
		}
	}
	t.Logf("the schema refuses %d of %d events with a fault", caught, all)
}

// The schema's bounds are the reader's: both take a field's value, or neither
// does.
func TestSchemaAgreesWithParse(t *testing.T) {
	s := byOthers(t)
	tests := map[string][]string{
		"method":    {`"GET"`, `"PATCH"`, `"get"`, `"CONNECT"`, `""`, `"A B"`, `5`, `null`},
		"headers":   {`{}`, `{"X-A": "1"}`, `{"X A": "1"}`, `{"x-a": 1}`, `{"hOsT": "a.example"}`, `{"tE": "x"}`, `{"TEX": "x"}`, `{"proxy-x": "1"}`, `{"Keep-Alive": "1"}`, `[]`},
		"body":      {`""`, `"x"`, `{}`},
		"userAgent": {`"chrome"`, `"me"`, `" "`, `""`, `1`},
		"timeout":   {`"10s"`, `"1.5s"`, `".5s"`, `"1m30s"`, `"5"`, `"5x"`, `"-1s"`, `"+1s"`, `5`, `"1µs"`},
		"redirects": {`0`, `50`, `51`, `-1`, `1.5`, `"1"`},
		"retries":   {`0`, `10`, `11`},
		"maxBody":   {`0`, `1`, `67108864`, `67108865`},
		"cookies":   {`true`, `false`, `"false"`, `0`, `null`},
		"expect":    {`[]`, `["status == 200"]`, `[" "]`, `"status == 200"`, `[1]`, `[` + strings.Repeat(`"status == 200",`, 49) + `"true"]`, `[` + strings.Repeat(`"status == 200",`, 50) + `"true"]`},
		"warn":      {`["duration < 300"]`, `null`},
		"ip":        {`"auto"`, `"4"`, `"6"`, `4`, `"5"`},
		"http":      {`"1.1"`, `"2"`, `"auto"`, `"3"`, `2`},
		"tls":       {`{}`, `{"minVersion": "1.3"}`, `{"minVersion": "1.4"}`, `{"insecureSkipVerify": true}`, `{"insecureSkipVerify": "true"}`, `{"serverName": "a"}`, `{"serverName": ""}`, `{"ca": "x"}`},
		"name":      {`"a"`, `" "`, `1`},
		"group":     {`"a"`, `""`},
		"public":    {`true`, `false`, `"true"`, `null`},
		"alert":     {`false`, `true`, `null`, `{}`, `{"runs": 2}`, `{"runs": 2, "window": 3, "remind": "6h"}`, `{"runs": 0}`, `{"window": 101}`, `{"runs": 1.5}`, `{"remind": "1x"}`, `{"remind": 6}`, `{"after": 1}`, `[]`},
		"title":     {`"Our shop"`, `" "`, `""`, `1`, `"` + strings.Repeat("é", 200) + `"`, `"` + strings.Repeat("é", 201) + `"`},
		"link":      {`"https://a.example/x?y"`, `5`},
		"other":     {`1`},
	}
	for name := range fieldsOfTarget(t) {
		if tests[name] == nil && name != "url" {
			t.Errorf("the field %s has no test", name)
		}
	}
	for name, values := range tests {
		for _, value := range values {
			agree(t, s, `{"urls": [{"url": "https://a.example", "`+name+`": `+value+`}]}`)
			if !slices.Contains([]string{"name", "other"}, name) {
				agree(t, s, `{"defaults": {"`+name+`": `+value+`}, "urls": ["https://a.example"]}`)
				agree(t, s, `{"groups": {"a": {"defaults": {"`+name+`": `+value+`}}}, "urls": ["https://a.example"]}`)
			}
		}
	}
	for _, event := range []string{
		`{"urls": []}`, `{"Items": ["https://a.example"]}`,
		`{"defaults": {"name": "a"}}`, `{"defaults": {"url": "a"}}`, `{"urls": ["https://a.example"], "source": "a"}`, `{}`, `[]`,
		`{"metrics": "phases"}`, `{"metrics": "all"}`, `{"scheduled": "<aws.scheduler.scheduled-time>"}`, `{"scheduled": "now"}`,
		`{"scheduled": "2026-11-27T12:00:00Z"}`, `{"scheduled": "2026-11-27T12:00:00.5+01:00"}`, `{"scheduled": "2026-11-27"}`,
		`{"Items": []}`, `{"BatchInput": {}}`, `{"Items": [], "BatchInput": {"metrics": "group"}}`, `{"Items": [], "urls": []}`,
		`{"Items": [], "BatchInput": {"urls": []}}`, `{"urls": [{}]}`, `{"urls": [1]}`, `{"urls": "a"}`,
		`{"groups": {}}`, `{"groups": []}`, `{"groups": {" ": {}}}`, `{"groups": {"a b": {"title": "A"}}}`, `{"groups": {"a": {"title": ""}}}`,
		`{"groups": {"a": {"name": "x"}}}`, `{"groups": {"a": null}}`, `{"groups": {"a": {"alert": false}}}`, `{"groups": {"a": {"alert": true}}}`,
		`{"groups": {"a": {"maintenance": []}}}`, `{"groups": {"a": {"maintenance": [{}]}}}`,
		`{"maintenance": [{"cron": "0 2 * * SUN", "duration": "2h", "timeZone": "Europe/Berlin"}]}`, `{"maintenance": [{"cron": "0 2 * * SUN", "duration": "2h"}]}`,
		`{"maintenance": {"from": "2026-12-24T22:00:00Z", "until": "2026-12-25T23:00:00+01:00"}}`, `{"maintenance": {"from": "2026-12-24T22:00:00Z"}}`,
		`{"maintenance": {"from": "2026-12-24T22:00:00Z", "until": "2026-12-25T23:00:00+01:00", "cron": "0 2 * * *"}}`, `{"maintenance": {"from": "today", "until": "2026-12-25T23:00:00Z"}}`,
		`{"maintenance": [{"cron": "0 2 * *", "duration": "2h"}]}`, `{"maintenance": [{"cron": "0 2 * * *"}]}`, `{"maintenance": [{"cron": "cron(0 2 * * ?)", "duration": "2h"}]}`,
		`{"maintenance": [{"cron": "0 2 * * *", "duration": "2"}]}`, `{"maintenance": [{"cron": "0 2 * * *", "duration": "2h", "timezone": "UTC"}]}`, `{"maintenance": "never"}`,
		`{"history": true}`, `{"history": 1}`, `{"witness": true}`, `{"$schema": "x"}`, `{"$schema": 1}`, `{"Items": [], "$schema": "x"}`, `{"Items": [], "BatchInput": {"history": true}}`,
		`{"run": ""}`, `{"until": "soon"}`, `{"part": {}}`, `{"part": {"index": -1, "of": 2}}`, `{"part": {"index": 0, "of": 1001}}`, `{"part": 1}`,
	} {
		if !strings.Contains(event, "urls") && !strings.Contains(event, "Items") {
			event = strings.TrimSuffix(event, "}") + `, "urls": ["https://a.example"]}`
		}
		agree(t, s, event)
	}
	agree(t, s, "{}")
}

func agree(t *testing.T, s *jsonschema.Schema, event string) {
	t.Helper()
	parsed := complaint(t, []byte(event))
	if validated := refusal(t, s, []byte(event)); (parsed == nil) != (validated == nil) {
		t.Errorf("%s\nParse: %v\nschema: %v", event, parsed, validated)
	}
}

// Validators in strict mode, as ajv's, refuse keywords that they do not know, a
// required property that is not described beside it, and a keyword of a type that
// is not named beside it.
func TestSchemaIsStrict(t *testing.T) {
	var whole any
	if err := json.Unmarshal(plan.Schema(), &whole); err != nil {
		t.Fatal(err)
	}
	typed := map[string]string{
		"properties": "object", "patternProperties": "object", "additionalProperties": "object", "propertyNames": "object", "maxProperties": "object",
		"required": "object", "dependentRequired": "object", "dependentSchemas": "object",
		"items": "array", "minItems": "array", "maxItems": "array", "pattern": "string", "minLength": "string", "maxLength": "string",
	}
	known := []string{
		"$schema", "$id", "$defs", "$ref", "title", "description", "examples", "type", "enum", "const", "minimum", "maximum",
		"allOf", "anyOf", "not", "if", "then", "else",
	}
	var walk func(path string, part any)
	walk = func(path string, part any) {
		s, ok := part.(map[string]any)
		if !ok {
			return // true, false, or a list of texts
		}
		for keyword, value := range s {
			at := path + "/" + keyword
			of := typed[keyword]
			if of == "" && !slices.Contains(known, keyword) {
				t.Errorf("%s is not a keyword", at)
			}
			if of != "" && s["type"] != of {
				t.Errorf("%s stands beside the type %v", at, s["type"])
			}
			switch value := value.(type) {
			case map[string]any:
				if slices.Contains([]string{"properties", "patternProperties", "dependentSchemas", "$defs"}, keyword) {
					for name, member := range value {
						walk(at+"/"+name, member)
					}
				} else if keyword != "dependentRequired" {
					walk(at, value)
				}
			case []any:
				for _, member := range value {
					if keyword == "required" {
						if properties, _ := s["properties"].(map[string]any); properties[member.(string)] == nil {
							t.Errorf("%s: %v is not described", at, member)
						}
					} else if keyword != "examples" {
						walk(at, member)
					}
				}
			}
		}
	}
	walk("", whole)
}
