package plan

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rollcall/internal/check"
	"rollcall/internal/maintenance"
	"rollcall/internal/weburl"
)

// The largest values of what messages and pages are made of. A window of an alert
// is at most what history keeps of a target.
const (
	maxTitle   = 200 // characters
	maxRuns    = 100
	minRemind  = time.Minute
	maxRemind  = 30 * 24 * time.Hour
	maxWindows = 100 // of maintenance, in one list
)

const (
	fieldGroups = "groups"
	fieldAlert  = "alert"
)

// groupLayers are what an event says of one group, and the events below it.
type groupLayers struct {
	title       string
	maintenance []maintenance.Window
	settings    []members // laid over the defaults, one after the other
}

// groupFields are those fields of an event that say what messages and pages are
// made of.
func groupFields(settings []setting) []field[event] {
	return []field[event]{
		{fieldGroups, schema{
			"description": "The groups, by name. With it a target's group must be one of them.", "type": "object",
			"maxProperties": maxGroups, "propertyNames": schema{"type": "string", "pattern": wordsPattern}, "additionalProperties": schema{"$ref": "#/$defs/group"},
		}, func(v value, e *event) {
			if !v.require(anObject) {
				return
			}
			all := map[string]groupLayers{}
			for name, below := range e.groups {
				all[name] = below
			}
			for i, m := range v.content {
				switch {
				case strings.TrimSpace(m.name) == "":
					m.problem("is blank: a group's name")
				case members(v.content[:i]).get(m.name).kind != absent:
					m.problem("is given twice")
				default:
					group := all[m.name]
					readGroup(m, &group, settings)
					all[m.name] = group
				}
			}
			if len(all) > maxGroups {
				v.problem("has %d groups, at most %d", len(all), maxGroups)
			}
			e.groups = all
		}},
		{"maintenance", maintenanceSchema("When no messages are sent about targets, and uptime does not count."), func(v value, e *event) {
			e.maintenance = readMaintenance(v)
		}},
	}
}

// memberFields returns the table of the members of a group.
func memberFields(settings []setting) []field[groupLayers] {
	return []field[groupLayers]{
		{"title", titleSchema("What messages and pages call the group. Default: its name."), func(v value, g *groupLayers) {
			g.title, _ = readTitle(v)
		}},
		{"defaults", schema{"$ref": "#/$defs/groupDefaults"}, func(v value, g *groupLayers) {
			all := requireDefaults(v, settings)
			if group := all.get(fieldGroup); group.kind != absent {
				group.problem("belongs to a target or to the event's defaults, not to a group's")
			}
			overlay(builtIn().settings, all, settings) // for its problems
			g.settings = append(slices.Clip(g.settings), all)
		}},
		{fieldAlert, alertSchema(), func(v value, g *groupLayers) {
			overlay(builtIn().settings, members{v}, settings)
			g.settings = append(slices.Clip(g.settings), members{v})
		}},
		{"maintenance", maintenanceSchema("When no messages are sent about its targets."), func(v value, g *groupLayers) {
			g.maintenance = readMaintenance(v)
		}},
	}
}

func readGroup(v value, group *groupLayers, settings []setting) {
	fields := memberFields(settings)
	all := v.requireObject(fieldNames(fields))
	for _, f := range fields {
		if m := all.get(f.name); m.kind != absent {
			f.lay(m, group)
		}
	}
}

// requireDefaults returns the members of defaults. What belongs to one target only
// is a problem.
func requireDefaults(v value, settings []setting) members {
	all := v.requireObject(targetFields(settings))
	for _, m := range all {
		if m.name != fieldGroup && slices.Contains(ownFields, m.name) {
			m.problem("belongs to a target, not to the defaults")
		}
	}
	return all
}

func titleSchema(description string) schema {
	return wordsSchema(description).with(schema{"maxLength": maxTitle})
}

func readTitle(v value) (string, bool) {
	title, ok := v.requireWords()
	if ok && utf8.RuneCountInString(title) > maxTitle {
		v.problem("has more than %d characters", maxTitle)
		return "", false
	}
	return title, ok
}

// readLink reads the URL that messages and pages lead to.
func readLink(v value) string {
	text, ok := v.requireText()
	if !ok {
		return ""
	}
	u, user, err := readURL(text)
	_, fragment, hasFragment := strings.Cut(strings.TrimSpace(text), "#")
	switch {
	case err != nil:
		v.problem("%v", err)
		return ""
	case user != nil:
		v.problem("has user information, which everybody would see")
		return ""
	case strings.Contains(v.text, "${"):
		v.problem("has a ${: a link takes no references")
		return ""
	case strings.ContainsFunc(strings.TrimSpace(v.text), unicode.IsSpace):
		v.problem("has white space within (write %%20)")
		return ""
	case !hasFragment:
		return weburl.String(u)
	}
	if plain, err := url.PathUnescape(fragment); err == nil { // else it is encoded as it is
		fragment = plain
	}
	return weburl.String(u) + "#" + (&url.URL{Fragment: fragment}).EscapedFragment()
}

// alertFields are the members of alert.
func alertFields() []field[check.Alert] {
	runs := func(name, description string, put func(*check.Alert, int)) field[check.Alert] {
		return field[check.Alert]{name, schema{"description": description, "type": "integer", "minimum": 1, "maximum": maxRuns}, func(v value, a *check.Alert) {
			if n, ok := v.requireInteger(1, maxRuns); ok {
				put(a, int(n))
			}
		}}
	}
	return []field[check.Alert]{
		runs("runs", "In how many runs it must fail. Default: the stack's AlarmRuns.", func(a *check.Alert, n int) { a.Runs = n }),
		runs("window", "Of how many of the last runs that checked it. Default: the stack's AlarmWindow.", func(a *check.Alert, n int) { a.Window = n }),
		{"remind", durationSchema("How often messages about an open incident are repeated: 1m to 720h; 0s is never. Default: never."), func(v value, a *check.Alert) {
			if d, ok := requireDuration(v); ok && (d < minRemind && d != 0 || d > maxRemind) {
				v.problem("%s is out of range (1m to 720h, or 0s for never)", quote(v.text))
			} else if ok {
				a.Remind = d
			}
		}},
	}
}

func alertSchema() schema {
	return schema{
		"description": "When an incident opens: {\"runs\": 3, \"window\": 3, \"remind\": \"6h\"}, or false for never. Default: the stack's.",
		"examples":    []any{schema{"runs": 3, "window": 3}, false},
		"anyOf":       []schema{{"const": false}, objectSchema(alertFields(), schema{})},
	}
}

// readAlert reads false or an object whose members are laid over those that are
// there.
func readAlert(v value, s *check.Settings) {
	if v.kind == aBoolean && v.text == "false" {
		s.Alert = &check.Alert{Off: true}
		return
	}
	if v.kind != anObject {
		v.problem("is %s, neither false nor an object with runs, window and remind", v.kind)
		return
	}
	var alert check.Alert
	if s.Alert != nil {
		alert = *s.Alert
		alert.Off = false
	}
	fields := alertFields()
	own := v.requireObject(fieldNames(fields))
	for _, f := range fields {
		if m := own.get(f.name); m.kind != absent {
			f.lay(m, &alert)
		}
	}
	if alert.Window != 0 && alert.Runs > alert.Window {
		v.problem("has more runs (%d) than its window (%d)", alert.Runs, alert.Window)
	}
	s.Alert = &alert
}

// windowFields are the members of a window of maintenance.
var windowFields = []string{"cron", "duration", "timeZone", "from", "until"}

func maintenanceSchema(description string) schema {
	return schema{
		"description": description + " A list of windows that repeat, or that happen once.",
		"anyOf": []schema{
			{"type": "array", "maxItems": maxWindows, "items": schema{"$ref": "#/$defs/maintenance"}},
			{"$ref": "#/$defs/maintenance"},
		},
	}
}

func windowSchema() schema {
	repeated := schema{"type": "object", "additionalProperties": false, "required": []string{"cron", "duration"}, "properties": schema{
		"cron": wordsSchema("When it begins: minute, hour, day of the month, month, day of the week.").with(schema{
			"pattern": cronPattern, "examples": []string{"0 2 * * SUN"},
		}),
		"duration": durationSchema("How long it lasts: 1m to 360h."),
		"timeZone": wordsSchema("Whose clocks: a name of the IANA data base. Default: UTC.").with(schema{"examples": []string{"UTC", "Europe/Berlin"}}),
	}}
	once := schema{"type": "object", "additionalProperties": false, "required": []string{"from", "until"}, "properties": schema{
		"from": timeSchema("When it begins."), "until": timeSchema("When it is over."),
	}}
	return schema{"anyOf": []schema{repeated, once}}
}

// readMaintenance reads windows: an array of them, or one alone.
func readMaintenance(v value) []maintenance.Window {
	if v.kind == anObject {
		v = value{kind: anArray, content: []value{v}}
	}
	if v.kind != anArray {
		v.problem("is %s, not an array of windows", v.kind)
		return nil
	}
	if len(v.content) > maxWindows {
		v.problem("has more than %d windows", maxWindows)
		return nil
	}
	all := []maintenance.Window{}
	for _, element := range v.content {
		if w, ok := readWindow(element); ok {
			all = append(all, w)
		}
	}
	return all
}

func readWindow(v value) (w maintenance.Window, ok bool) {
	before := len(*v.ps)
	all := v.requireObject(windowFields)
	cron, length, zone, from, until := all.get("cron"), all.get("duration"), all.get("timeZone"), all.get("from"), all.get("until")
	var err error
	switch {
	case len(*v.ps) > before:
		return w, false
	case from.kind != absent || until.kind != absent:
		if len(all) != 2 || from.kind == absent || until.kind == absent {
			v.problem("needs both from and until and nothing else (a window that repeats has cron, duration and timeZone)")
			return w, false
		}
		begin, ok1 := requireTime(from)
		end, ok2 := requireTime(until)
		if !ok1 || !ok2 {
			return w, false
		}
		w, err = maintenance.Once(begin, end)
	case cron.kind == absent || length.kind == absent:
		v.problem("has no cron and duration (or from and until)")
		return w, false
	default:
		name := "UTC"
		expression, ok1 := cron.requireWords()
		d, ok2 := requireDuration(length)
		ok3 := true
		if zone.kind != absent {
			name, ok3 = zone.requireWords()
		}
		location, zoneErr := maintenance.Zone(name)
		if ok3 && zoneErr != nil {
			zone.problem("%v", zoneErr)
		}
		if ok2 && (d < maintenance.MinLength || d > maintenance.MaxLength) {
			length.problem("%s is out of range (1m to 360h)", quote(length.text))
			return w, false
		}
		if !ok1 || !ok2 || !ok3 || zoneErr != nil {
			return w, false
		}
		if w, err = maintenance.Repeated(expression, d, location); err != nil {
			v = cron
		}
	}
	if err != nil {
		v.problem("%v", err)
	}
	return w, err == nil
}
