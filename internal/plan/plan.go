package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/list"
	"rollcall/internal/maintenance"
)

// noURL is the warning of a plan without targets.
const noURL = "the event has no targets"

// A Plan is what an event asks for.
type Plan struct {
	Targets   []check.Target // names are unique; in the event's order
	Metrics   string         // the profile: "group", "target" or "phases"; "" where the event names none
	PerHost   int            // how many checks at once of one host name and port; 0 where the event names none
	Scheduled time.Time      // when the schedule meant the run to start, in UTC; zero if the event does not say

	Groups      map[string]Group     // by name: those of the targets, and those that the event describes
	Maintenance []maintenance.Window // of all targets
	History     bool                 // the run is remembered and told of
	Witness     bool                 // the run is asked by another monitor: it publishes and remembers nothing

	// Of a run in parts. Its first and its last step have no targets.
	Begin, Sum Step      // zero: this is another step
	Part       Part      // which part this is; zero: the whole list
	Run        string    // the name of the run, the minute of Scheduled where the event does not say; "" is not a step
	Until      time.Time // when a part is too late, in UTC; zero where the event does not say
	Source     string    // of its last step, as it is written; of its first one with the version of the object that the parts are to read

	Claims []Claim // of a part: the names that it derives
	Batch  bool    // it is a batch of a Distributed Map

	// Version is that of the source that was read; of the last step, that of the
	// list that the parts read. "": there is none, or it is unknown.
	Version Version

	Warnings []string  // what is right but may not be meant
	Failures []string  // what could not be read, so that the run is one of an earlier list: it is not healthy
	Invalid  []Problem // why targets are Invalid, with their paths: the first 1,000
	Event    RawEvent  // what it was made of; nil where that was not an event

	written []written // its targets that have references
	before  beforeReferences
	in      Inputs
	source  string // the source's name; "": there is none
}

// A Group is what an event says of one group.
type Group struct {
	Title       string               // what messages and pages call it; "" is its name
	Alert       *check.Alert         // of its targets that have none of their own; nil: as the stack says
	Maintenance []maintenance.Window // of its targets, beside those of the plan
}

// A Part is one of the equal parts that a list is checked in: the targets of the
// source whose number, counted from 0, leaves Index when divided by Of.
type Part struct {
	Index int // 0 to Of - 1
	Of    int // 0: there are no parts
}

// A Step is the first or the last one of a run in parts.
type Step struct {
	Of        int    // how many parts there are; 0: this is not that step
	Execution string // of the state machine: its ARN
}

// Inputs are what an event may refer to.
type Inputs struct {
	// Sources open what source may name, by the scheme of its URL: "s3". A
	// path without a scheme goes to "file". What has no row here is refused.
	Sources map[string]Source

	// Kept has the plans of sources that were read before. Nil: none is kept.
	Kept *Kept

	// Lookup returns what an environment variable holds and whether it is
	// set, as os.LookupEnv does. Nil: none is set.
	Lookup func(name string) (string, bool)

	// Values returns what references stand for that are to no variable. Nil:
	// they can't be read here.
	Values Values

	// Permit reports whether a reference may be used for a host, as
	// [Grants.Permit] does. Nil: none may.
	Permit func(r Reference, host string) bool

	// SkipLate: a part that is too late has no targets, and its source is not read.
	SkipLate bool

	// Defaults is a JSON object with fields of defaults, which are laid over
	// the event's own. In problems, paths into it begin with "defaults here".
	// Nil: there are none.
	Defaults []byte
}

// Parse reads an event, a JSON object, and the source that it names. What is
// wrong with either is an [*InvalidEventError]; any other error says that
// event can't be read, or is ctx's. Where ctx has a cause as [TookLonger], that
// is the error.
//
// A target whose URL or whose references are wrong is in the plan all the
// same, and says why in Invalid.
func Parse(ctx context.Context, event io.Reader, in Inputs) (*Plan, error) {
	ps := &problems{}
	data, err := list.ReadAll(event)
	if errors.Is(err, list.ErrTooLarge) {
		ps.report("", "%v", err)
		return nil, &InvalidEventError{Problems: *ps}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	return parseEvent(ctx, data, readJSON(ctx, data, "", ps), in, ps)
}

// parseEvent makes the plan of an event, which data is and root as JSON, and of
// the source that it names.
func parseEvent(ctx context.Context, data []byte, root value, in Inputs, ps *problems) (*Plan, error) {
	fields := settingFields()
	e := readEvent(root, fields, builtIn())
	late := in.SkipLate && e.part.Of > 0 && !e.until.IsZero() && time.Now().After(e.until)
	if e.begin.Of > 0 || e.sum.Of > 0 || late {
		return parseStep(ctx, e, data, in, ps)
	}
	read := func(known *Plan) (*Plan, error) { return parseTargets(ctx, root, e, fields, in, ps, known) }
	var p *Plan
	var err error
	if e.source.kind != absent && len(*ps) == 0 {
		p, err = in.Kept.plan(data, read)
	} else {
		p, err = read(nil)
	}
	if err != nil {
		return nil, err
	}
	p.Event = data
	if e.source.kind != absent { // else they are the plan's already
		p.Scheduled, p.Run, p.Until = cmp.Or(e.scheduled, p.Scheduled), e.run, e.until
	}
	return p.Resolved(ctx), nil
}

// parseStep makes the plan of a step of a run in parts that has no targets: the first
// and the last one, and a part that is too late. Of the source it reads the version
// only, and that in the first step.
func parseStep(ctx context.Context, e event, data []byte, in Inputs, ps *problems) (*Plan, error) {
	p := &Plan{
		Begin: e.begin, Sum: e.sum, Part: e.part, Run: e.run, Until: e.until, Scheduled: e.scheduled, Metrics: e.metrics, PerHost: e.perHost,
		History: e.history, Source: e.source.text, Version: e.list, Event: data,
	}
	if len(*ps) == 0 && e.begin.Of > 0 {
		opened, name, version := openSource(ctx, e.source, in.Sources, "")
		if opened != nil {
			opened.Close()
			requireVersion(e, name, version)
			p.Source, p.Version = pinned(p.Source, version), version
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if len(*ps) > 0 {
		return nil, &InvalidEventError{Problems: *ps}
	}
	return p, nil
}

// requireVersion reports whether a source has the version that all parts of the run
// are to read, and a problem if it has not.
func requireVersion(e event, name string, version Version) bool {
	if e.list == "" || version == e.list {
		return true
	}
	e.source.problem("%s was changed after the run began: this part is of another version than the others", quote(name))
	return false
}

// parseTargets reads the targets of an event, references as written. known is
// the plan of what its source held before, and returned if that is unchanged.
func parseTargets(ctx context.Context, root value, e event, fields []setting, in Inputs, ps *problems, known *Plan) (*Plan, error) {
	urls := e.urls
	var source *list.Reader
	var name string
	var version Version
	array := false
	var of *whole
	if e.part.Of > 0 {
		of = newWhole()
	}
	if e.source.kind != absent {
		if known != nil {
			version = known.Version
		}
		var opened io.ReadCloser
		if opened, name, version = openSource(ctx, e.source, in.Sources, version); opened == nil {
			if len(*ps) == 0 {
				return known, nil
			}
			return nil, &InvalidEventError{Problems: *ps}
		}
		defer opened.Close()
		if !requireVersion(e, name, version) {
			return nil, &InvalidEventError{Problems: *ps}
		}
		var err error
		if source, err = list.Open(opened, list.Options{Name: name, Index: e.part.Index, Of: e.part.Of, Written: of.noter()}); err != nil {
			e.source.problem("read %s: %v", quote(name), err)
		}
	}
	if source != nil && source.Format().Document() {
		inner := builtIn()
		if root, _, err := readDocument(ctx, source, name+placeEnd, e.part, of, ps); err != nil {
			e.source.problem("read %s: %v", quote(name), withoutPath(err))
		} else {
			inner = readRoot(root, fields, inner)
			array = root.kind == anArray
		}
		if inner.source.kind != absent {
			inner.source.problem("cannot be used in a source: a source cannot name another")
		}
		for _, m := range inner.ofRun {
			m.problem("cannot be used in a source: it belongs to the event that names the source")
		}
		if len(*ps) == 0 {
			e = readEvent(root, fields, inner) // what it says wins, field by field
		}
		urls, source = inner.urls, nil
	}
	targets := newTargetList(e, fields, in, ps)
	targets.source, targets.version, targets.place, targets.whole = name, version, name, of
	if ctx.Err() != nil {
		return targets.finish(context.Cause(ctx))
	}
	if source != nil {
		return targets.finish(targets.addEntries(ctx, source, name))
	}
	if array {
		return targets.finish(targets.addArray(ctx, urls, name))
	}
	if urls.kind != absent && urls.require(anArray) {
		for _, v := range urls.content {
			if ctx.Err() != nil {
				return targets.finish(context.Cause(ctx))
			}
			targets.add(v)
		}
	}
	return targets.finish(nil)
}

// ParseURLs makes a plan of URLs, with the built-in defaults. An error is
// always an [*InvalidEventError].
func ParseURLs(urls []string, in Inputs) (*Plan, error) {
	list := newTargetList(builtIn(), settingFields(), in, &problems{})
	for i, url := range urls {
		list.add(value{path: "URL " + strconv.Itoa(i+1), kind: aString, text: url, ps: list.ps})
	}
	return list.plan(context.Background(), nil)
}

// An event is what its bytes say, before there are targets.
type event struct {
	group     string          // of targets that name none
	groupAt   value           // where that is written; absent: nowhere
	settings  *check.Settings // of targets that have none of their own, references as written
	metrics   string
	perHost   int
	scheduled time.Time
	urls      value
	source    value

	groups      map[string]groupLayers
	maintenance []maintenance.Window
	history     bool
	witness     bool
	begin, sum  Step
	part        Part
	run         string
	list        Version
	until       time.Time
	batch       bool
	ofRun       members // the fields of parts.go that are given
}

// defaultGroup is that of targets that name none.
const defaultGroup = "default"

// builtIn is an event that says nothing.
func builtIn() event {
	return event{group: defaultGroup, settings: &check.Settings{
		Method:    http.MethodGet,
		Timeout:   10 * time.Second,
		Redirects: 10,
		Retries:   1,
		MaxBody:   1 << 20,
	}}
}

// The fields of an event that others depend on, and those of the batch that a
// Distributed Map hands over.
const (
	fieldURLs       = "urls"
	fieldSource     = "source"
	fieldScheduled  = "scheduled"
	fieldSchema     = "$schema"
	fieldItems      = "Items"
	fieldBatchInput = "BatchInput"
)

// schedulerPlaceholder begins what EventBridge Scheduler replaces.
const schedulerPlaceholder = "<aws.scheduler."

// profiles are the values of metrics.
var profiles = []string{"group", "target", "phases"}

// eventFields returns the table of an event's fields.
func eventFields(settings []setting) []field[event] {
	fields := []field[event]{
		{"defaults", schema{"$ref": "#/$defs/defaults"}, func(v value, e *event) {
			all := requireDefaults(v, settings)
			if group := all.get(fieldGroup); group.kind != absent {
				e.group, _ = group.requireWords()
				e.groupAt = group
			}
			e.settings = overlay(e.settings, all, settings)
		}},
		{"metrics", schema{
			"description": "How many series a run publishes. Default: ROLLCALL_METRICS.", "type": "string", "enum": profiles,
		}, func(v value, e *event) {
			var ok bool
			if e.metrics, ok = v.requireText(); ok && !slices.Contains(profiles, e.metrics) {
				hint := suggestion(e.metrics, profiles)
				if hint == "" {
					hint = " (group, target or phases)"
				}
				v.problem("invalid profile %s%s", quote(e.metrics), hint)
			}
		}},
		{"perHost", schema{
			"description": "Maximum of checks at once of one host name and port. Default: ROLLCALL_PER_HOST.",
			"type":        "integer", "minimum": 1, "maximum": maxPerHost,
		}, func(v value, e *event) {
			if n, ok := v.requireInteger(1, maxPerHost); ok {
				e.perHost = int(n)
			}
		}},
		{fieldScheduled, schema{
			"description": "When the schedule meant the run to start; Scheduler fills the placeholder in.",
			"type":        "string",
			"pattern":     scheduledPattern,
			"examples":    []string{"<aws.scheduler.scheduled-time>"},
		}, func(v value, e *event) {
			if !strings.HasPrefix(v.text, schedulerPlaceholder) || !strings.HasSuffix(v.text, ">") { // else it counts as absent
				e.scheduled, _ = requireTime(v)
			}
		}},
		{fieldURLs, schema{
			"description": "The targets: each a URL, or an object with one.", "type": "array", "minItems": 1,
			"items": schema{"anyOf": []schema{{"$ref": "#/$defs/url"}, {"$ref": "#/$defs/target"}}},
		}, func(v value, e *event) { e.urls = v }},
		{fieldSource, schema{
			"description": "A list that holds the targets, instead of urls: a path below the package, or s3://bucket/key. Its ending says what it is: .json, .yaml, .jsonl, .csv, .tsv, .xml, each also with .gz; else one URL a line.",
			"type":        "string", "minLength": 1, "allOf": []schema{without(refusedSources)},
		}, func(v value, e *event) { e.source = v }},
	}
	return slices.Concat(fields, groupFields(settings), runFields())
}

// readRoot reads a document: an event, or an array of its targets.
func readRoot(root value, settings []setting, base event) event {
	if root.kind == anArray {
		base.urls = root
		return base
	}
	return readEvent(root, settings, base)
}

// readEvent reads everything of an event but its targets, and lays it over
// base.
func readEvent(root value, settings []setting, base event) event {
	e := base
	e.urls, e.source, e.ofRun = value{}, value{}, nil
	if root.kind == absent {
		return e
	}
	if root.kind == anArray {
		root.problem("is an array, not an object (write {\"urls\": […]})")
		return e
	}
	fields := eventFields(settings)
	all := root.requireObject(append(fieldNames(fields), fieldItems, fieldBatchInput))
	if items, input := all.get(fieldItems), all.get(fieldBatchInput); items.kind != absent || input.kind != absent {
		for _, m := range all {
			if m.name != fieldItems && m.name != fieldBatchInput && m.name != fieldSchema {
				m.problem("cannot be used with %s and %s: a batch has no other field", fieldItems, fieldBatchInput)
			}
		}
		if items.kind == absent {
			root.ps.report(join(root.path, fieldItems), "is missing: a batch has %s and %s", fieldItems, fieldBatchInput)
		}
		e.batch = true
		items.name = fieldURLs
		all = members{items}
		if input.kind != absent {
			for _, m := range input.requireObject(fieldNames(fields)) {
				switch {
				case m.name == fieldURLs || m.name == fieldSource:
					m.problem("cannot be used in %s: %s are the URLs", fieldBatchInput, fieldItems)
				case isRunField(m.name) || m.name == fieldSchema:
					m.problem("cannot be used in %s", fieldBatchInput)
				default:
					all = append(all, m)
				}
			}
		}
	}
	for _, f := range fields {
		if v := all.get(f.name); v.kind != absent {
			f.lay(v, &e)
			if isRunField(f.name) {
				e.ofRun = append(e.ofRun, v)
			}
		}
	}
	if e.urls.kind != absent && e.source.kind != absent {
		e.source.problem("cannot be used with %s: an event has one or the other", fieldURLs)
	}
	reportExclusions(all, &e)
	return e
}
