package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// A schema is a JSON Schema, or a part of one.
type schema map[string]any

// A rule makes the schema of one field. It stands beside how the field is read,
// and uses the same bounds and lists.
type rule func() schema

// Schema returns a JSON Schema (draft 2020-12) of the event, for editors. It
// is made from the tables by which events are read. What it refuses Parse
// refuses too; Parse refuses more: what no schema can tell, such as wrong
// expressions and names given twice.
func Schema() []byte {
	fields := settingFields()
	target := object(fields, schema{
		fieldURL:   text("The URL to check: absolute, http or https."),
		fieldName:  notBlankText("The target's identity and metric dimension, unique in the event. Default: from the URL."),
		fieldGroup: notBlankText("The dimension of its aggregates. Default: default."),
	})
	target["required"] = []string{fieldURL}
	urls := schema{
		"description": "The targets: each a URL, or an object with one.",
		"type":        "array", "items": schema{"anyOf": []schema{{"type": "string"}, {"$ref": "#/$defs/target"}}},
	}
	event := eventSchema(urls)
	batch := schema{
		"properties": schema{fieldItems: urls, fieldBatchInput: closed(sharedFields(schema{}))},
		"required":   []string{fieldItems}, "additionalProperties": false,
	}
	whole := schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Rollcall's event", "type": "object",
		"if": schema{"anyOf": []schema{{"required": []string{fieldItems}}, {"required": []string{fieldBatchInput}}}}, "then": batch, "else": event,
		"$defs": schema{
			"target": target,
			"defaults": object(fields, schema{
				fieldGroup: notBlankText("The group of targets that name none."),
			}),
		},
	}
	indented, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		panic(err) // unreachable: maps, lists and texts
	}
	return append(indented, '\n')
}

// eventSchema is the event that is no batch: one of urls and source.
func eventSchema(urls schema) schema {
	event := closed(sharedFields(schema{
		fieldURLs: urls,
		fieldSource: schema{
			"description": "A file that holds the targets, instead of urls: below the package, *.json an event, any other one URL a line.",
			"type":        "string", "minLength": 1, "not": schema{"pattern": `^/|^s3://|(^|/)\.\.(/|$)|\.[gG][zZ]$`},
		},
	}))
	event["not"] = schema{"required": []string{fieldURLs, fieldSource}}
	return event
}

// sharedFields adds what a batch's input can have too.
func sharedFields(properties schema) schema {
	properties[fieldDefaults] = schema{"$ref": "#/$defs/defaults"}
	properties[fieldMetrics] = oneOf("How many series a run publishes. Default: ROLLCALL_METRICS.", profiles)()
	properties[fieldScheduled] = schema{
		"description": "When the schedule meant the run to start; Scheduler fills the placeholder in.",
		"type":        "string",
		"pattern":     `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$|^<aws\.scheduler\..*>$`,
		"examples":    []string{"<aws.scheduler.scheduled-time>"},
	}
	return properties
}

// object is an object of fields and of further properties, and no others.
func object(fields []field, further schema) schema {
	for _, f := range fields {
		further[f.name] = f.rule()
	}
	return closed(further)
}

func closed(properties schema) schema {
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func text(description string) schema { return schema{"description": description, "type": "string"} }

func notBlankText(description string) schema {
	return schema{"description": description, "type": "string", "pattern": `\S`}
}

func anyText(description string) rule {
	return func() schema { return text(description) }
}

func someText(description string) rule {
	return func() schema { return notBlankText(description) }
}

func methodRule() schema {
	return schema{
		"description": "The request's method. Default: GET.", "type": "string",
		"pattern": "^[-!#$%&'*+.^_`|~0-9A-Z]+$", "not": schema{"const": "CONNECT"},
	}
}

func headersRule() schema {
	var refused []string
	for _, name := range ownHeaders {
		refused = append(refused, anyCase(name))
	}
	return schema{
		"description": "The request's headers; values take ${env:NAME}.", "type": "object",
		"additionalProperties": schema{"type": "string"},
		"propertyNames": schema{
			"pattern": "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$",
			"not":     schema{"pattern": "^((" + strings.Join(refused, "|") + ")$|" + anyCase(proxyHeaders) + ")"},
		},
	}
}

// anyCase is a pattern for a text whose case is no difference. Regular
// expressions of JSON Schema have no flag for it.
func anyCase(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsLetter(r) {
			b.WriteString("[" + string(unicode.ToUpper(r)) + string(unicode.ToLower(r)) + "]")
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func timeoutRule() schema {
	return schema{
		"description": "From the look-up to the last byte of the body, one attempt; at most 15m. Default: 10s.",
		"type":        "string", "pattern": `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`,
		"examples": []string{"10s", "500ms"},
	}
}

func integer(description string, least, most int64) rule {
	return func() schema {
		return schema{"description": description, "type": "integer", "minimum": least, "maximum": most}
	}
}

func expressionsRule(description string) rule {
	return func() schema {
		return schema{
			"description": description, "type": "array", "maxItems": maxExpressions, "items": schema{"type": "string", "pattern": `\S`},
			"examples": []any{[]string{"status == 200", "json.db == 'up'"}},
		}
	}
}

func oneOf(description string, choices []string) rule {
	return func() schema {
		return schema{"description": description, "type": "string", "enum": choices}
	}
}

func flag(description string) rule {
	return func() schema { return schema{"description": description, "type": "boolean"} }
}

func tlsRule() schema {
	of := object(tlsFields, schema{})
	of["description"] = "How TLS is spoken; members are laid over those of the defaults."
	return of
}

// userAgentRule suggests browsers and takes any text.
func userAgentRule() schema {
	s := notBlankText("Who we say we are: a browser's name, or any text. Default: rollcall/<version>.")
	s["examples"] = []string{"chrome", "firefox", "safari", "edge"}
	s["not"] = schema{"pattern": `[\x00-\x08\x0a-\x1f\x7f]`} // no header can carry it
	return s
}

// sortedKeys returns a table's names in order.
func sortedKeys(table map[string]uint16) []string {
	var names []string
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
