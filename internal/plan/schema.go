package plan

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// A schema is a JSON Schema, or a part of one.
type schema map[string]any

// with returns a schema that says more.
func (s schema) with(more schema) schema {
	maps.Copy(s, more)
	return s
}

// schemaID names the schema. It is not a place: each copy of Rollcall has its own.
const schemaID = "urn:rollcall:event"

// Patterns of the schema. They have nothing but what regular expressions of
// ECMAScript and of Go both have, so they can't look ahead.
const (
	// urlPattern is for what weburl.Parse takes: a scheme, any number of slashes,
	// a host. White space within is taken, with a warning.
	urlPattern = `^\s*[Hh][Tt][Tt][Pp][Ss]?:[/\\]*[^/\\?#\s]\S*\s*$`

	// referencesPattern is for texts in which each ${ begins a reference or is
	// escaped as $${.
	referencesPattern = `^([^$]|\$+([^${]|$)|\$\$+\{|\$\{(env:[A-Za-z_][A-Za-z0-9_]*|(ssm|secretsmanager):[^{}$]+)\})*$`

	// urlReferencesPattern is the same for URLs, whose fragment is not read.
	urlReferencesPattern = `^([^$#]|\$+([^${#]|$)|\$\$+\{|\$\{(env:[A-Za-z_][A-Za-z0-9_]*|(ssm|secretsmanager):[^{}$]+)\})*(\$*#[\s\S]*)?$`

	// refusedReferences and misplacedReference are what else can be wrong with one.
	refusedReferences  = `(^|[^$])\$\{env:(AWS_|LAMBDA_|_)`
	refusedInURL       = `^([^#]*[^$#])?\$\{env:(AWS_|LAMBDA_|_)`
	misplacedReference = `^\s*[A-Za-z]+://[^/?#]*\$\{`

	durationPattern = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`
	noDuration      = `^\+?([0.]+[a-zµμ]+)+$`

	anyReference      = `\$\{`
	timePattern       = `^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.,]\d+)?([Zz]|[+-]\d\d:\d\d)$`
	scheduledPattern  = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$|^<aws\.scheduler\..*>$`
	cronPattern       = `^\s*\S+(\s+\S+){4}\s*$|^cron\(\s*\S+(\s+\S+){4}\s*\)$`
	wordsPattern      = `\S`
	methodPattern     = "^[-!#$%&'*+.^_`|~0-9A-Z]+$"
	headerNamePattern = "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$"
	headerPattern     = `^[^\x00-\x08\x0a-\x1f\x7f]*$`
	userAgentPattern  = `^[^\x00-\x08\x0a-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0a-\x1f\x7f]*$` // a header, and not blank
	refusedSources    = `^/|^\.\.(/|$)|^[^:]*/\.\.(/|$)`                                           // in s3://… they are a part of the key
)

// Schema returns a JSON Schema (draft 2020-12) of the event, for editors. It
// is made from the table by which events are read. Of what it refuses, Parse says
// what is wrong with it too, at least in a warning; Parse refuses more: what no
// schema can say, such as wrong expressions and names given twice.
//
// Where there are several ways to say the same, it is the one for which editors
// have a readable message: a property that is false instead of "not". It has no
// keywords but those of the draft, as validators in strict mode refuse others.
func Schema() []byte { return encode(eventSchema()) }

// EditorSchema returns the same schema with messages for patterns, in keywords that
// VS Code knows: without them it shows the pattern.
func EditorSchema() []byte {
	whole := eventSchema()
	addMessages(whole)
	return encode(whole)
}

// messages are what is wrong with a text, by the pattern that it does not match, or
// must not match.
var messages = map[string]string{
	urlPattern:           "A URL is absolute, http or https, with a host and without blanks: https://example.com",
	misplacedReference:   "References can stand in the path and the query only.",
	referencesPattern:    "${ begins a reference: ${env:NAME}, ${ssm:/NAME} or ${secretsmanager:NAME}. Write $${ for a plain ${.",
	urlReferencesPattern: "${ begins a reference: ${env:NAME}, ${ssm:/NAME} or ${secretsmanager:NAME}. Write $${ for a plain ${.",
	refusedInURL:         "Variables that begin with AWS_, LAMBDA_ or _ can't be used.",
	refusedReferences:    "Variables that begin with AWS_, LAMBDA_ or _ can't be used.",
	oneReference:         "This is a reference and nothing else: ${env:NAME}.",
	anyReference:         "A link takes no references.",
	durationPattern:      "A duration has units: 500ms, 10s or 1m30s.",
	noDuration:           "The duration must be above 0s.",
	timePattern:          "A time is in RFC 3339: 2026-12-24T22:00:00Z.",
	scheduledPattern:     "A time is in RFC 3339: 2026-12-24T22:00:00Z, or <aws.scheduler.scheduled-time>.",
	cronPattern:          "There are five fields: minute, hour, day of the month, month, day of the week.",
	wordsPattern:         "This is blank.",
	"/":                  "The name of a run has no slash.",
	methodPattern:        "A method is in upper case: GET.",
	http.MethodConnect:   "CONNECT asks for a tunnel, which can't be checked.",
	headerNamePattern:    "This is not the name of a header.",
	headerPattern:        "A header can't have control characters.",
	userAgentPattern:     "This is blank, or has control characters.",
	refusedSources:       "A source is s3://bucket/key, or a path below the package, without \"..\".",
}

// addMessages puts messages beside the patterns of a schema.
func addMessages(part any) {
	switch part := part.(type) {
	case schema:
		if pattern, ok := part["pattern"].(string); ok {
			part["patternErrorMessage"] = messages[pattern]
		}
		if not, ok := part["not"].(schema); ok {
			for _, word := range []any{not["pattern"], not["const"]} {
				if text, ok := word.(string); ok {
					part["errorMessage"] = messages[text]
				}
			}
		}
		for _, member := range part {
			addMessages(member)
		}
	case []schema:
		for _, member := range part {
			addMessages(member)
		}
	}
}

func encode(whole schema) []byte {
	indented, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		panic(err) // unreachable: maps, lists and texts
	}
	return append(indented, '\n')
}

// eventSchema is new each time: its caller may change it.
func eventSchema() schema {
	fields := settingFields()
	target := objectSchema(fields, schema{
		fieldURL:   schema{"$ref": "#/$defs/url"},
		fieldName:  wordsSchema("The target's identity and metric dimension, unique in the event. Default: from the URL."),
		fieldGroup: wordsSchema("The dimension of its aggregates. Default: default."),
		fieldTitle: titleSchema("What messages and pages call it. Default: its name."),
		fieldLink: textSchema("Where messages and pages lead: an http or https URL.").with(schema{
			"pattern": urlPattern, "allOf": []schema{without(anyReference)},
		}),
	}).with(schema{"required": []string{fieldURL}})
	defaults := objectSchema(fields, schema{fieldGroup: wordsSchema("The group of targets that name none.")})
	groupDefaults := objectSchema(fields, schema{})
	one := objectSchema(eventFields(fields), schema{}).with(schema{
		"dependentSchemas": schema{
			fieldSource: schema{"type": "object", "properties": schema{fieldURLs: false}},
			fieldPart:   needs(fieldSource, fieldScheduled),
			fieldBegin:  needs(fieldSource, fieldScheduled),
			fieldSum:    needs(fieldScheduled),
		},
		"anyOf": []schema{needs(fieldURLs), needs(fieldSource), needs(fieldSum)},
	})
	input := objectSchema(slices.DeleteFunc(eventFields(fields), func(f field[event]) bool {
		return f.name == fieldURLs || f.name == fieldSource || f.name == fieldSchema || isRunField(f.name)
	}), schema{})
	urls := one["properties"].(schema)[fieldURLs]
	batch := schema{
		"type": "object", "properties": schema{fieldItems: urls, fieldBatchInput: input, fieldSchema: one["properties"].(schema)[fieldSchema]}, "required": []string{fieldItems}, "additionalProperties": false,
	}
	return schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schemaID, "title": "Rollcall's event", "type": "object",
		"if":   schema{"anyOf": []schema{needs(fieldItems), needs(fieldBatchInput)}},
		"then": batch,
		"else": one,
		"$defs": schema{
			"url": textSchema("The URL to check: absolute, http or https; path and query take ${env:NAME}.").with(schema{
				"pattern": urlPattern, "examples": []string{"https://"},
				"allOf": []schema{{"type": "string", "pattern": urlReferencesPattern}, without(refusedInURL), without(misplacedReference)},
			}),
			"references": schema{
				"type": "string", "pattern": referencesPattern, "allOf": []schema{without(refusedReferences)},
			},
			"target": target, "defaults": defaults, "groupDefaults": groupDefaults,
			"group": objectSchema(memberFields(fields), schema{}), "maintenance": windowSchema(),
		},
	}
}

// objectSchema is an object of fields and of further properties, and no
// others.
func objectSchema[T any](fields []field[T], properties schema) schema {
	for _, f := range fields {
		properties[f.name] = f.schema
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

// needs is an object that has some properties, whatever they are.
func needs(names ...string) schema {
	properties := schema{}
	for _, name := range names {
		properties[name] = true
	}
	return schema{"type": "object", "properties": properties, "required": names}
}

// without is a text that does not match a pattern. It stands apart from the type,
// whose message an editor would replace too.
func without(pattern string) schema {
	return schema{"not": schema{"type": "string", "pattern": pattern}}
}

func textSchema(description string) schema {
	return schema{"description": description, "type": "string"}
}

// wordsSchema is a text of more than white space.
func wordsSchema(description string) schema {
	return schema{"description": description, "type": "string", "pattern": wordsPattern}
}

// headersSchema spells each letter of a refused name in both cases: regular
// expressions of JSON Schema have no flag for it.
func headersSchema() schema {
	var refused strings.Builder
	for _, r := range "^((" + strings.Join(connectionHeaders, "|") + ")$|" + proxyHeaders + ")" {
		if unicode.IsLetter(r) {
			refused.WriteString("[" + string(unicode.ToUpper(r)) + string(unicode.ToLower(r)) + "]")
		} else {
			refused.WriteRune(r)
		}
	}
	return schema{
		"description": "The request's headers; values take ${env:NAME}.", "type": "object",
		"propertyNames":     schema{"type": "string", "pattern": headerNamePattern},
		"patternProperties": schema{refused.String(): false},
		"additionalProperties": schema{
			"type": "string", "allOf": []schema{{"$ref": "#/$defs/references"}}, "pattern": headerPattern,
		},
	}
}
