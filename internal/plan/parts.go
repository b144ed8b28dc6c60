package plan

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// maxParts is how many parts a list may have: as many as a sum can add up.
const maxParts = 1000

// Bounds of what names things, in bytes: an ARN fits, and a version of an object
// with its entity tag.
const (
	maxRun       = 512
	maxExecution = 512
	maxVersion   = 1200
)

// The fields that say what kind of run this is. Only the event itself has them,
// neither a source nor a batch.
const (
	fieldHistory = "history"
	fieldWitness = "witness"
	fieldBegin   = "begin"
	fieldSum     = "sum"
	fieldPart    = "part"
	fieldRun     = "run"
	fieldList    = "list"
	fieldUntil   = "until"
)

// Of the steps of a run in parts.
const (
	fieldIndex     = "index"
	fieldOf        = "of"
	fieldExecution = "execution"
)

// RunName is the name of the run in parts that is scheduled for a time: its minute,
// "20261130T0608Z".
func RunName(scheduled time.Time) string { return scheduled.UTC().Format(runNameForm) }

// ParseRunName returns the minute of a run that is named after it.
func ParseRunName(name string) (time.Time, error) { return time.Parse(runNameForm, name) }

const runNameForm = "20060102T1504Z"

// runFields is the table of these fields, and of $schema.
func runFields() []field[event] {
	flag := func(name, description string, put func(*event, bool)) field[event] {
		return field[event]{name, schema{"description": description, "type": "boolean"}, func(v value, e *event) {
			put(e, v.require(aBoolean) && v.text == "true")
		}}
	}
	of := schema{"description": "How many parts there are.", "type": "integer", "minimum": 1, "maximum": maxParts}
	step := func(description string) schema {
		return schema{
			"description": description, "type": "object",
			"properties": schema{
				fieldOf:        of,
				fieldExecution: wordsSchema("Which execution of the state machine this is, such as its ARN.").with(schema{"maxLength": maxExecution}),
			},
			"required": []string{fieldOf, fieldExecution}, "additionalProperties": false,
		}
	}
	return []field[event]{
		flag(fieldHistory, "This run is remembered and told of, as the schedule's are. Default: false.", func(e *event, b bool) { e.history = b }),
		flag(fieldWitness, "Another monitor asks: publish and remember nothing. Default: false.", func(e *event, b bool) { e.witness = b }),
		{fieldBegin, step("The first step of a run in parts: it claims the run and responds what the others need."), func(v value, e *event) { e.begin = readStep(v) }},
		{fieldSum, step("The last step of a run in parts: it adds them up."), func(v value, e *event) { e.sum = readStep(v) }},
		{fieldPart, schema{
			"description": "Only a part of the source: every of-th target, beginning with the one at index.", "type": "object",
			"properties": schema{
				fieldIndex: schema{"description": "Which part, counted from 0.", "type": "integer", "minimum": 0, "maximum": maxParts - 1},
				fieldOf:    of,
			},
			"required": []string{fieldIndex, fieldOf}, "additionalProperties": false,
		}, readPart},
		{fieldRun, wordsSchema("The run in parts that this is a step of. Default: the minute of scheduled, 20261130T0608Z.").with(schema{"maxLength": maxRun, "allOf": []schema{without("/")}}), func(v value, e *event) {
			e.run = requireShort(v, maxRun, "the name of a run")
			if strings.Contains(e.run, "/") {
				v.problem("is not the name of a run (it has a slash)")
			}
		}},
		{fieldList, wordsSchema("The version of the source that the first step found: what is another one is not checked.").with(schema{"maxLength": maxVersion}), func(v value, e *event) {
			e.list = Version(requireShort(v, maxVersion, "the version of a list"))
		}},
		{fieldUntil, timeSchema("When a part is too late."), func(v value, e *event) { e.until, _ = requireTime(v) }},
		{fieldSchema, textSchema("For editors; ignored."), func(v value, _ *event) { v.require(aString) }},
	}
}

// requireShort returns the words that v has to be, in a number of bytes at most.
func requireShort(v value, most int, what string) string {
	text, ok := v.requireWords()
	if ok && (len(text) > most || strings.ContainsFunc(text, unicode.IsControl)) {
		v.problem("is not %s (at most %d bytes, no control characters)", what, most)
	}
	return text
}

// readStep reads begin or sum.
func readStep(v value) Step {
	if v.kind == aBoolean {
		v.problem("is a boolean, not an object (for example {\"of\": 100, \"execution\": \"arn:…\"})")
		return Step{}
	}
	all := v.requireObject([]string{fieldOf, fieldExecution})
	of, execution := all.get(fieldOf), all.get(fieldExecution)
	if all == nil || of.kind == absent || execution.kind == absent {
		if v.kind == anObject {
			v.problem("has not both of and execution (for example {\"of\": 100, \"execution\": \"arn:…\"})")
		}
		return Step{}
	}
	n, _ := of.requireInteger(1, maxParts)
	return Step{int(n), requireShort(execution, maxExecution, "the name of an execution")}
}

func readPart(v value, e *event) {
	all := v.requireObject([]string{fieldIndex, fieldOf})
	index, of := all.get(fieldIndex), all.get(fieldOf)
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
	exclude(true, fieldBegin, fieldSum, fieldWitness, fieldHistory, fieldURLs)
	exclude(true, fieldSum, fieldWitness, fieldURLs)
	exclude(e.witness, fieldWitness, fieldHistory)
	steps := false
	for _, name := range []string{fieldPart, fieldBegin, fieldSum} {
		v := all.get(name)
		if v.kind == absent {
			continue
		}
		steps = true
		if name != fieldSum && all.get(fieldSource).kind == absent && all.get(fieldURLs).kind == absent {
			v.problem("needs a source")
		}
		if s := all.get(fieldScheduled); s.kind == absent || strings.HasPrefix(s.text, schedulerPlaceholder) {
			v.problem("needs the time in scheduled: it names the run")
		}
	}
	for _, name := range []string{fieldRun, fieldList, fieldUntil} {
		if v := all.get(name); v.kind != absent && !steps {
			v.problem("belongs to a step of a run in parts: begin, part or sum")
		}
	}
	if steps && e.run == "" {
		e.run = RunName(e.scheduled)
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
