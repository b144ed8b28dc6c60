package plan

import (
	"encoding/json"
	"maps"
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

// Schema returns a JSON Schema (draft 2020-12) of the event, for editors. It
// is made from the table by which events are read. What it refuses Parse
// refuses too; Parse refuses more: what no schema can say, such as wrong
// expressions and names given twice.
func Schema() []byte {
	fields := settingFields()
	target := objectSchema(fields, schema{
		fieldURL:   textSchema("The URL to check: absolute, http or https."),
		fieldName:  wordsSchema("The target's identity and metric dimension, unique in the event. Default: from the URL."),
		fieldGroup: wordsSchema("The dimension of its aggregates. Default: default."),
		fieldTitle: titleSchema("What messages and pages call it. Default: its name."),
		fieldLink:  textSchema("Where messages and pages lead: an http or https URL."),
	}).with(schema{"required": []string{fieldURL}})
	defaults := objectSchema(fields, schema{fieldGroup: wordsSchema("The group of targets that name none.")})
	groupDefaults := objectSchema(fields, schema{})
	one := objectSchema(eventFields(fields), schema{}).with(schema{"not": schema{"required": []string{fieldURLs, fieldSource}}})
	input := objectSchema(slices.DeleteFunc(eventFields(fields), func(f field[event]) bool {
		return f.name == fieldURLs || f.name == fieldSource || f.name == fieldSchema || isRunField(f.name)
	}), schema{})
	urls := one["properties"].(schema)[fieldURLs]
	batch := schema{
		"properties": schema{fieldItems: urls, fieldBatchInput: input, fieldSchema: one["properties"].(schema)[fieldSchema]}, "required": []string{fieldItems}, "additionalProperties": false,
	}
	whole := schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Rollcall's event", "type": "object",
		"if":   schema{"anyOf": []schema{{"required": []string{fieldItems}}, {"required": []string{fieldBatchInput}}}},
		"then": batch,
		"else": one,
		"$defs": schema{
			"target": target, "defaults": defaults, "groupDefaults": groupDefaults,
			"group": objectSchema(memberFields(fields), schema{}), "maintenance": windowSchema(),
		},
	}
	indented, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		panic(err) // unreachable: maps, lists and texts
	}
	return append(indented, '\n')
}

// objectSchema is an object of fields and of further properties, and no
// others.
func objectSchema[T any](fields []field[T], properties schema) schema {
	for _, f := range fields {
		properties[f.name] = f.schema
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func textSchema(description string) schema {
	return schema{"description": description, "type": "string"}
}

// wordsSchema is a text of more than white space.
func wordsSchema(description string) schema {
	return schema{"description": description, "type": "string", "pattern": `\S`}
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
		"additionalProperties": schema{"type": "string"},
		"propertyNames":        schema{"pattern": "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$", "not": schema{"pattern": refused.String()}},
	}
}
