package plan

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// maxParts is how many parts a list may have: as many as a sum can add up.
const maxParts = 1000

// maxRun bounds the name of a run, in bytes: an ARN fits.
const maxRun = 512

// The fields that say what kind of run this is. Only the event itself has them,
// neither a source nor a batch.
const (
	fieldHistory = "history"
	fieldWitness = "witness"
	fieldBegin   = "begin"
	fieldSum     = "sum"
	fieldPart    = "part"
	fieldRun     = "run"
	fieldUntil   = "until"
)

// runFields is the table of these fields, and of $schema.
func runFields() []field[event] {
	flag := func(name, description string, put func(*event, bool)) field[event] {
		return field[event]{name, schema{"description": description, "type": "boolean"}, func(v value, e *event) {
			put(e, v.require(aBoolean) && v.text == "true")
		}}
	}
	return []field[event]{
		flag(fieldHistory, "This run is remembered and told of, as the schedule's are. Default: false.", func(e *event, b bool) { e.history = b }),
		flag(fieldWitness, "Another monitor asks: publish and remember nothing. Default: false.", func(e *event, b bool) { e.witness = b }),
		flag(fieldBegin, "The first step of a run in parts. Default: false.", func(e *event, b bool) { e.begin = b }),
		flag(fieldSum, "The last step of a run in parts. Default: false.", func(e *event, b bool) { e.sum = b }),
		{fieldPart, schema{
			"description": "Only a part of the source: every of-th target, beginning with the one at index.", "type": "object",
			"properties": schema{
				"index": schema{"description": "Which part, counted from 0.", "type": "integer", "minimum": 0, "maximum": maxParts - 1},
				"of":    schema{"description": "How many parts there are.", "type": "integer", "minimum": 1, "maximum": maxParts},
			},
			"required": []string{"index", "of"}, "additionalProperties": false,
		}, readPart},
		{fieldRun, wordsSchema("The run in parts that this is a step of.").with(schema{"maxLength": maxRun}), func(v value, e *event) {
			text, ok := v.requireWords()
			if ok && (len(text) > maxRun || strings.ContainsFunc(text, unicode.IsControl)) {
				v.problem("is not the name of a run (at most %d bytes, no control characters)", maxRun)
			}
			e.run = text
		}},
		{fieldUntil, timeSchema("When a part is too late."), func(v value, e *event) { e.until, _ = requireTime(v) }},
		{fieldSchema, textSchema("For editors; ignored."), func(v value, _ *event) { v.require(aString) }},
	}
}

func readPart(v value, e *event) {
	all := v.requireObject([]string{"index", "of"})
	index, of := all.get("index"), all.get("of")
	if all == nil || index.kind == absent || of.kind == absent {
		if v.kind == anObject {
			v.problem("has not both index and of (for example {\"index\": 17, \"of\": 100})")
		}
		return
	}
	i, ok1 := index.requireInteger(0, maxParts-1)
	n, ok2 := of.requireInteger(1, maxParts)
	if ok1 && ok2 && i >= n {
		index.problem("%d is out of range (0 to %d, one less than of)", i, n-1)
	}
	e.part = Part{int(i), int(n)}
}

// isRunField reports whether a field is of the event itself only.
func isRunField(name string) bool {
	return name != fieldSchema && slices.Contains(fieldNames(runFields()), name)
}

// reportExclusions reports which fields of the run can't be used together.
func reportExclusions(all members, e *event) {
	exclude := func(on bool, name string, others ...string) {
		v := all.get(name)
		for _, other := range others {
			o := all.get(other)
			if on && v.kind != absent && o.kind != absent && (o.kind != aBoolean || o.text == "true") {
				v.problem("cannot be used with %s", other)
			}
		}
	}
	exclude(true, fieldPart, fieldBegin, fieldSum, fieldWitness, fieldHistory, fieldURLs)
	exclude(e.begin, fieldBegin, fieldSum, fieldWitness, fieldURLs)
	exclude(e.sum, fieldSum, fieldWitness, fieldURLs)
	exclude(e.witness, fieldWitness, fieldHistory)
	steps := e.begin || e.sum || all.get(fieldPart).kind != absent
	for _, name := range []string{fieldRun, fieldUntil} {
		if v := all.get(name); v.kind != absent && !steps {
			v.problem("belongs to a step of a run in parts: begin, part or sum")
		}
	}
	for _, name := range []string{fieldPart, fieldBegin, fieldSum} {
		v := all.get(name)
		if v.kind == absent || !steps || v.kind == aBoolean && v.text != "true" {
			continue
		}
		if name != fieldSum && all.get(fieldSource).kind == absent && all.get(fieldURLs).kind == absent {
			v.problem("needs a source")
		}
		if s := all.get(fieldScheduled); s.kind == absent || strings.HasPrefix(s.text, schedulerPlaceholder) {
			v.problem("needs the time in scheduled: it names the run")
		}
	}
}

func timeSchema(description string) schema {
	return textSchema(description + " RFC 3339.").with(schema{
		"pattern": timePattern, "examples": []string{"2026-12-24T22:00:00Z"},
	})
}

func requireTime(v value) (time.Time, bool) {
	text, ok := v.requireText()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.problem("invalid time %s (for example 2006-01-02T15:04:05Z)", quote(text))
		return time.Time{}, false
	}
	return t.UTC(), true
}
