package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/list"
	"rollcall/internal/redact"
	"rollcall/internal/weburl"
)

const (
	// maxGroups keeps a run's aggregates few: each group has metrics of its own.
	maxGroups = 50

	// maxTargets keeps the memory of a plan below 1 GiB.
	maxTargets = 1_000_000
)

// The fields of a target that are not settings.
const (
	fieldName  = "name"
	fieldGroup = "group"
	fieldURL   = "url"
	fieldTitle = "title"
	fieldLink  = "link"
)

var ownFields = []string{fieldURL, fieldName, fieldGroup, fieldTitle, fieldLink}

func targetFields(fields []setting) []string {
	return append(fieldNames(fields), ownFields...)
}

// A targetList makes the targets of a plan.
type targetList struct {
	ps     *problems
	fields []setting
	names  []string // of all fields that a target can have
	in     Inputs

	source  string // its name
	version Version

	event  event
	refers bool             // the event's settings have references
	layers map[string]layer // of the groups that the event describes

	lines    bool      // the targets are entries of a list
	place    string    // of the list, where it has a name
	https    bool      // hosts without a scheme get https://
	hint     string    // what else to do about them
	seen     sightings // of what looks like something else than a URL
	alike    alike     // problems that many entries have
	warnings []string
	full     bool   // there are too many targets
	whole    *whole // of a part; nil: this is the whole list

	targets []check.Target
	origins []origin // of targets[i]
	written []written
	byName  map[string]int
	groups  map[string]bool

	number  int // of targets that were added, the wrong ones too
	invalid []invalidTarget
}

// An invalidTarget is why one can't be checked.
type invalidTarget struct {
	number int
	Problem
}

// A layer is what targets of a group have that say nothing themselves.
type layer struct {
	settings *check.Settings // references as written
	refers   bool            // there are some
}

// An origin is what a target was made of, beside name and group. It is compared
// before references are resolved, so that whether an event is valid never
// depends on the environment.
type origin struct {
	path     string
	text     string   // the URL as written
	url      *url.URL // that names are made of; nil if text is none
	settings *check.Settings
}

func newTargetList(e event, fields []setting, in Inputs, ps *problems) *targetList {
	if in.Defaults != nil {
		if own := readJSON(context.Background(), in.Defaults, "defaults here"+placeEnd, ps); own.kind != absent {
			e.settings = overlay(e.settings, own.requireObject(fieldNames(fields)), fields)
		}
	}
	l := &targetList{
		ps: ps, event: e, fields: fields, names: targetFields(fields), in: in, refers: refers(e.settings),
		byName: map[string]int{}, groups: map[string]bool{},
	}
	if e.group != "" { // else that is a problem already
		l.groupOf(e.groupAt)
	}
	l.layers = map[string]layer{}
	for name, group := range e.groups {
		s := e.settings
		if len(*ps) == 0 { // else its members may not be what they should
			for _, members := range group.settings {
				s = overlay(s, members, fields)
			}
		}
		l.layers[name] = layer{s, refers(s)}
	}
	return l
}

// layerOf returns the layer of a group, which is the event's own where the event
// does not describe it.
func (l *targetList) layerOf(group string) layer {
	if described, ok := l.layers[group]; ok {
		return described
	}
	return layer{l.event.settings, l.refers}
}

// groupOf returns the group of a target whose own one v is, or absent. Where the
// event describes its groups it is one of them.
func (l *targetList) groupOf(v value) string {
	if v.kind == absent {
		return l.event.group
	}
	group, ok := v.requireWords()
	if ok && len(l.event.groups) > 0 && group != defaultGroup {
		if _, known := l.event.groups[group]; !known {
			v.problem("%s is not one of the event's groups%s", quote(group), suggestion(group, slices.Sorted(maps.Keys(l.event.groups))))
		}
	}
	return group
}

// add adds the target that v is, a URL or an object with one, unless it is
// there already.
func (l *targetList) add(v value) {
	var own members
	link, before := v, len(*l.ps)
	l.number++
	switch v.kind {
	case aString:
	case anObject:
		own = v.requireObject(l.names)
		if link = own.get(fieldURL); link.kind == absent {
			l.ps.report(join(v.path, fieldURL), "is missing")
			link = value{kind: aString}
		}
	default:
		v.problem("is %s, neither a string nor an object", v.kind)
		return
	}
	text, isText := link.requireText()
	if l.https {
		text = cmp.Or(list.WithScheme(text), text)
	}
	inURL, plain := strings.Contains(text, "${"), text
	if inURL {
		plain = sheltered(text)
	}
	u, user, invalid := readURL(plain)
	if l.https && errors.Is(invalid, weburl.ErrNoScheme) { // https:// was not put before it: it is not a host
		if _, _, err := readURL("https://" + plain); err != nil {
			invalid = err
		}
	}
	if inURL {
		if err := misplaced(text); err != nil {
			u, user, invalid = nil, nil, err
		}
	}
	invalid = l.seen.note(link.path, text, l.lines, invalid)
	id := identity(plain)
	if id == nil || inURL && invalid != nil { // what is not a reference may be a secret
		id = u
	}
	layer := l.layerOf(cmp.Or(own.get(fieldGroup).text, l.event.group))
	o := origin{v.path, text, id, overlay(withUser(layer.settings, user), own, l.fields)}
	var t check.Target
	if name := own.get(fieldName); name.kind != absent {
		t.Name, _ = name.requireWords()
	}
	t.Group = l.groupOf(own.get(fieldGroup))
	if title := own.get(fieldTitle); title.kind != absent {
		t.Title, _ = readTitle(title)
	}
	if link := own.get(fieldLink); link.kind != absent {
		t.Link = readLink(link)
	}
	if len(*l.ps) > before {
		if invalid != nil && isText && link.path != "" {
			l.invalid = noteInvalid(l.invalid, l.number, v.path, v.kind == anObject, "url: "+invalid.Error())
		}
		return
	}

	request := requestOf(own)
	if invalid == nil {
		t.URL = part(text, weburl.String(u))
		t.RedactedURL = part(t.URL, asWritten(text, redact.URL(u)))
	} else {
		t.RedactedURL = redact.InvalidURL(text)
		t.Invalid = "url: " + invalid.Error()
	}
	switch {
	case t.Name != "":
	case id != nil:
		t.Name = part(t.RedactedURL, asWritten(text, derivedName(id, request)))
	default:
		t.Name = cutName(strings.TrimPrefix(t.RedactedURL, "https://") + "#" + digest(text+"\n"+request))
	}
	derived := own.get(fieldName).kind == absent
	if i, taken := l.byName[t.Name]; taken {
		if other := &l.targets[i]; t.Group != other.Group || t.Title != other.Title || t.Link != other.Link || !o.same(&l.origins[i]) {
			v.problem("has the same name %s as %s, which is another target: give it a name of its own", quote(t.Name), strings.TrimSuffix(l.origins[i].path, placeEnd))
		} else if l.whole != nil {
			l.whole.equal[t.Name] = true
		}
		return
	}
	t.Settings = o.settings
	if own := o.settings != layer.settings; invalid == nil && (inURL || !own && layer.refers || own && refers(o.settings)) {
		at := written{index: len(l.targets), number: l.number, path: v.path, object: v.kind == anObject, url: t.URL, settings: o.settings}
		if inURL {
			at.text = text
		}
		l.written = append(l.written, at)
	}
	if len(l.targets) == maxTargets {
		v.problem("is one target too many: an event has at most 1,000,000 (a longer list is checked in parts)")
		l.full = true
		return
	}
	if t.Invalid != "" {
		l.invalid = noteInvalid(l.invalid, l.number, v.path, v.kind == anObject, t.Invalid)
	}
	if l.whole != nil && derived {
		l.whole.claim(l, t.Name, &o, own)
	}
	l.byName[t.Name] = len(l.targets)
	l.targets = append(l.targets, t)
	if len(l.origins) == cap(l.origins) {
		l.origins = slices.Grow(l.origins, len(l.origins)+1) // by half, large slices would be copied five times
	}
	l.origins = append(l.origins, o)
	if !l.groups[t.Group] {
		l.groups[t.Group] = true
		if len(l.groups) == maxGroups+1 {
			v.problem("is in one group too many: an event has at most %d", maxGroups)
		}
	}
}

// noteInvalid adds why the target at a path, an object or a text, can't be checked:
// a field, a colon and the reason.
func noteInvalid(all []invalidTarget, number int, path string, object bool, invalid string) []invalidTarget {
	if len(all) >= maxListed {
		return all
	}
	if field, reason, found := strings.Cut(invalid, ": "); found && (object || field == fieldURL) {
		invalid = reason
		if object {
			if !strings.HasSuffix(path, placeEnd) {
				path += "."
			}
			path += field
		}
	}
	return append(all, invalidTarget{number, Problem{Path: strings.TrimSuffix(path, placeEnd), Message: invalid}})
}

// part returns s, as a part of whole where it is one: of 100,000 targets each
// then holds its URL's text once instead of four times.
func part(whole, s string) string {
	if i := strings.Index(whole, s); i >= 0 {
		return whole[i : i+len(s)]
	}
	return s
}

// withUser returns settings that send a URL's user information. What a
// target itself says of Authorization is laid over it later and wins.
func withUser(s *check.Settings, user *url.Userinfo) *check.Settings {
	name := user.Username()
	password, _ := user.Password()
	if name == "" && password == "" {
		return s
	}
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(name, password)
	with := *s
	addHeaders(&with, request.Header)
	return &with
}

// same reports whether two origins ask for the same check.
func (o *origin) same(other *origin) bool {
	if o.settings != other.settings && !reflect.DeepEqual(o.settings, other.settings) {
		return false
	}
	return o.text == other.text || o.url != nil && other.url != nil && weburl.String(o.url) == weburl.String(other.url)
}

// plan returns the plan of what was collected, or what is wrong with it. err is
// what ended the collecting.
func (l *targetList) plan(ctx context.Context, err error) (*Plan, error) {
	p, err := l.finish(err)
	if err != nil {
		return nil, err
	}
	return p.Resolved(ctx), nil
}

// finish returns the plan of what was collected, its references as written, or
// what is wrong with it. err is what ended the collecting.
func (l *targetList) finish(err error) (*Plan, error) {
	if slow, ok := errors.AsType[*InvalidEventError](err); ok {
		return nil, slow
	}
	if err != nil {
		return nil, fmt.Errorf("reading the targets: %w", err)
	}
	l.requireSchemes()
	if l.whole != nil {
		l.whole.check(l)
	}
	p := &Plan{
		Targets: l.targets, Metrics: l.event.metrics, PerHost: l.event.perHost, Scheduled: l.event.scheduled,
		Maintenance: l.event.maintenance, History: l.event.history, Witness: l.event.witness,
		Part: l.event.part, Run: l.event.run, Until: l.event.until, Batch: l.event.batch,
		Groups:   map[string]Group{},
		Warnings: append(l.seen.warnings(l.lines), l.warnings...),
		before:   beforeReferences{invalid: l.invalid},
		written:  l.written, in: l.in, source: l.source, Version: l.version,
	}
	if before := len(*l.ps); before > 0 {
		p.in.Values = unread
		if *l.ps = append(*l.ps, p.Resolved(context.Background()).Invalid...); l.lines {
			l.alike.fold(l.ps, before)
		}
		return nil, &InvalidEventError{*l.ps, l.alike.more}
	}
	if l.whole != nil {
		p.Claims = l.whole.claims
	}
	for name := range l.groups {
		p.Groups[name] = Group{Alert: l.layerOf(name).settings.Alert}
	}
	for name, group := range l.event.groups {
		p.Groups[name] = Group{group.title, l.layerOf(name).settings.Alert, group.maintenance}
	}
	if len(p.Targets) == 0 {
		p.Warnings = []string{noURL}
	}
	p.before.warnings = p.Warnings
	return p, nil
}
