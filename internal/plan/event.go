package plan

import (
	"slices"
	"strings"
	"time"
)

// An event is what its bytes say, before there are targets.
type event struct {
	group     string // the defaults', or ""
	settings  layer  // the defaults'
	metrics   string
	scheduled time.Time
	urls      value
	source    value
}

// The fields of an event, and those of the batch that a Distributed Map
// hands over.
const (
	fieldDefaults   = "defaults"
	fieldURLs       = "urls"
	fieldSource     = "source"
	fieldMetrics    = "metrics"
	fieldScheduled  = "scheduled"
	fieldItems      = "Items"
	fieldBatchInput = "BatchInput"
)

func eventFields() []string {
	return []string{fieldDefaults, fieldURLs, fieldSource, fieldMetrics, fieldScheduled}
}

// readEvent reads everything but the targets.
func readEvent(data []byte, fields []field, ps *problems) event {
	root := readJSON(data, ps)
	if !root.present() {
		return event{}
	}
	members := root.object(append(eventFields(), fieldItems, fieldBatchInput))
	if members[fieldItems].present() || members[fieldBatchInput].present() {
		members = unbatch(members, ps)
	}
	e := event{urls: members[fieldURLs], source: members[fieldSource]}
	if v, ok := members[fieldDefaults]; ok {
		e.readDefaults(v, fields)
	}
	if v, ok := members[fieldMetrics]; ok {
		e.metrics = readMetrics(v)
	}
	if v, ok := members[fieldScheduled]; ok {
		e.scheduled = readScheduled(v)
	}
	if e.urls.present() && e.source.present() {
		e.source.problem("stands beside %s: an event has one or the other", fieldURLs)
	}
	return e
}

// unbatch returns a batch of a Distributed Map as the members of an event:
// Items are the urls, BatchInput holds the other fields.
func unbatch(batch map[string]value, ps *problems) map[string]value {
	for _, name := range eventFields() {
		if v, mixed := batch[name]; mixed {
			v.problem("stands beside %s and %s: a batch has nothing else", fieldItems, fieldBatchInput)
		}
	}
	members := map[string]value{}
	if v, ok := batch[fieldBatchInput]; ok {
		members = v.object(eventFields())
	}
	for _, name := range [...]string{fieldURLs, fieldSource} {
		if v, ok := members[name]; ok {
			v.problem("can't stand in %s: %s are the URLs", fieldBatchInput, fieldItems)
			delete(members, name)
		}
	}
	if items, ok := batch[fieldItems]; ok {
		members[fieldURLs] = items
	} else {
		ps.add(fieldItems, "is missing beside %s", fieldBatchInput)
	}
	return members
}

func (e *event) readDefaults(v value, fields []field) {
	members := v.object(targetFields(fields))
	for _, name := range [...]string{fieldName, fieldURL} {
		if v, ok := members[name]; ok {
			v.problem("belongs to a target, not to the defaults")
		}
	}
	if v, ok := members[fieldGroup]; ok {
		e.group, _ = v.notBlank()
	}
	e.settings = readLayer(members, fields)
}

// profiles are the values of metrics.
var profiles = []string{"group", "target", "phases"}

func readMetrics(v value) string {
	profile, ok := v.text()
	if !ok || slices.Contains(profiles, profile) {
		return profile
	}
	hint := suggestion(profile, profiles)
	if hint == "" {
		hint = " (group, target or phases)"
	}
	v.problem("%s is no profile%s", quote(profile), hint)
	return ""
}

// readScheduled reads a time. A placeholder that no scheduler has replaced
// counts as absent.
func readScheduled(v value) time.Time {
	text, ok := v.text()
	if !ok || strings.HasPrefix(text, "<aws.scheduler.") && strings.HasSuffix(text, ">") {
		return time.Time{}
	}
	scheduled, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.problem("%s is no time (write 2006-01-02T15:04:05Z)", quote(text))
	}
	return scheduled.UTC()
}
