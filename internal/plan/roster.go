package plan

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// maxGroups keeps a run's aggregates few: each group has metrics of its own.
const maxGroups = 50

// The fields of a target that are no settings.
const (
	fieldName  = "name"
	fieldGroup = "group"
	fieldURL   = "url"
)

func targetFields(fields []field) []string {
	names := []string{fieldURL, fieldName, fieldGroup}
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// A target is one as it is written.
type target struct {
	at      value  // where it stands
	url     string // any text
	name    string // "" where none is given
	group   string // "" where none is given
	own     layer
	request string // what its derived name has of its own fields
}

// An entry is what makes one target another than the next, beside name and
// group. It is compared before references are resolved, so that whether an
// event is valid never depends on the environment.
type entry struct {
	path     string
	text     string   // the URL as written
	url      *url.URL // nil if text is none
	settings *check.Settings
}

// A roster collects targets. begin has to be called before the first.
type roster struct {
	ps       *problems // of the event itself
	fields   []field
	names    []string // of all fields that a target can have
	resolver resolver

	group    string
	defaults *check.Settings // as written
	shared   *check.Settings // defaults, resolved
	broken   error           // why defaults can't be resolved

	targets []check.Target
	entries []entry // as long as targets
	byName  map[string]int
	groups  map[string]bool
}

func newRoster(in Inputs, ps *problems) *roster {
	fields := settingFields()
	return &roster{
		ps:       ps,
		fields:   fields,
		names:    targetFields(fields),
		resolver: resolver{lookup: in.Lookup, known: map[string]variable{}},
		byName:   map[string]int{},
		groups:   map[string]bool{},
	}
}

// begin settles the defaults.
func (r *roster) begin(e *event) {
	r.group = e.group
	if r.group == "" {
		r.group = "default"
	}
	r.defaults = e.settings.over(builtIn())
	r.shared, r.broken = r.resolver.resolve(r.defaults)
}

// addURLs adds the targets of an array, which may be absent.
func (r *roster) addURLs(urls value) {
	if !urls.present() {
		return
	}
	for _, v := range urls.elements() {
		if t, ok := r.read(v); ok {
			r.add(t)
		}
	}
}

// read reads a URL that stands alone or an object with one.
func (r *roster) read(v value) (target, bool) {
	switch v.kind() {
	case "a string":
		url, ok := v.text()
		return target{at: v, url: url}, ok
	case "an object":
		return r.readObject(v)
	}
	v.problem("is %s, neither a string nor an object", v.kind())
	return target{}, false
}

func (r *roster) readObject(v value) (target, bool) {
	before := len(r.ps.list)
	own := v.object(r.names)
	t := target{at: v, own: readLayer(own, r.fields)}
	if url, ok := own[fieldURL]; ok {
		t.url, _ = url.text()
	} else {
		v.ps.add(join(v.path, fieldURL), "is missing")
	}
	if name, ok := own[fieldName]; ok {
		t.name, _ = name.notBlank()
	}
	if group, ok := own[fieldGroup]; ok {
		t.group, _ = group.notBlank()
	}
	t.request = requestOf(own, r.fields)
	return t, len(r.ps.list) == before
}

// add adds a target, unless it is there already.
func (r *roster) add(t target) {
	made, e := r.probeTarget(t)
	if i, taken := r.byName[made.Name]; taken {
		if made.Group != r.targets[i].Group || !e.same(&r.entries[i]) {
			t.at.problem("has the name %s of %s, which is another target: give it a name of its own", quote(made.Name), r.entries[i].path)
		}
		return
	}
	r.byName[made.Name] = len(r.targets)
	r.targets = append(r.targets, made)
	r.entries = append(r.entries, e)
	if !r.groups[made.Group] {
		r.groups[made.Group] = true
		if len(r.groups) == maxGroups+1 {
			t.at.problem("makes a group too many: there can be %d", maxGroups)
		}
	}
}

func (r *roster) probeTarget(t target) (check.Target, entry) {
	u, user, invalid := readURL(t.url)
	written := t.own.over(withUser(r.defaults, user))
	made := check.Target{Name: t.name, Group: t.group, URL: u}
	if made.Group == "" {
		made.Group = r.group
	}
	if invalid != nil {
		made.RedactedURL = redacted(t.url)
		made.Invalid = "url: " + invalid.Error()
	} else {
		made.RedactedURL = part(t.url, redact.URL(u))
		u.Host = part(made.RedactedURL, u.Host)
	}
	if made.Name == "" && u != nil {
		made.Name = part(made.RedactedURL, derivedName(u, t.request))
	} else if made.Name == "" {
		made.Name = unreadableName(t.url, t.request)
	}
	r.settle(&made, written)
	return made, entry{t.at.path, t.url, u, written}
}

// part returns s, as a part of whole where it is one: of 100,000 targets each
// then holds its URL's text once instead of four times.
func part(whole, s string) string {
	if i := strings.Index(whole, s); i >= 0 {
		return whole[i : i+len(s)]
	}
	return s
}

// settle gives a target its settings, with references resolved.
func (r *roster) settle(t *check.Target, written *check.Settings) {
	resolved, err := r.shared, r.broken
	if written != r.defaults {
		resolved, err = r.resolver.resolve(written)
	}
	if err != nil {
		resolved = written
		t.URL = nil
		if t.Invalid == "" {
			t.Invalid = err.Error()
		}
	}
	t.Settings = resolved
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
	return layer{headers(request.Header)}.over(s)
}

// same reports whether two entries ask for the same check.
func (e *entry) same(o *entry) bool {
	if e.settings != o.settings && !reflect.DeepEqual(e.settings, o.settings) {
		return false
	}
	return e.text == o.text || e.url != nil && o.url != nil && e.url.String() == o.url.String()
}

// plan returns what was collected, or what is wrong with it.
func (r *roster) plan(e *event) (*Plan, error) {
	if len(r.ps.list) > 0 {
		return nil, &InvalidEventError{r.ps.list}
	}
	p := &Plan{Targets: r.targets, Metrics: e.metrics, Scheduled: e.scheduled}
	if len(p.Targets) == 0 {
		p.Warnings = []string{noURL}
	}
	return p, nil
}
