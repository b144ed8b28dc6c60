package secret

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/plan"
)

// A vault is both stores.
type vault struct {
	mu     sync.Mutex
	texts  map[string]string
	errs   map[string]error
	asked  []string
	open   int
	atOnce int
	takes  time.Duration
}

func (v *vault) Parameters(_ context.Context, names []string) (map[string]string, map[string]error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, "ssm:"+strings.Join(names, ","))
	texts, errs := map[string]string{}, map[string]error{}
	for _, name := range names {
		if err := v.errs[name]; err != nil {
			errs[name] = err
		} else if text, ok := v.texts[name]; ok {
			texts[name] = text
		}
	}
	return texts, errs
}

func (v *vault) Secret(ctx context.Context, id string) (string, error) {
	v.mu.Lock()
	v.asked = append(v.asked, id)
	v.open++
	v.atOnce = max(v.atOnce, v.open)
	err, text := v.errs[id], v.texts[id]
	v.mu.Unlock()
	select {
	case <-time.After(v.takes):
	case <-ctx.Done():
		err = ctx.Err()
	}
	v.mu.Lock()
	v.open--
	v.mu.Unlock()
	return text, err
}

func (v *vault) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := v.asked
	v.asked = nil
	slices.Sort(asked)
	return asked
}

func reference(text string) plan.Reference {
	kind, name, _ := strings.Cut(text, ":")
	r := plan.Reference{Kind: plan.Kind(kind), Name: name}
	r.Name, r.Part, _ = strings.Cut(name, map[plan.Kind]string{plan.Parameter: ":", plan.Secret: "#"}[r.Kind])
	return r
}

const old = 5 * time.Minute

// show returns values as texts: text, age, error.
func show(c *Cache, age time.Duration, references ...string) string {
	var all []plan.Reference
	for _, text := range references {
		all = append(all, reference(text))
	}
	var b strings.Builder
	for _, v := range c.Values(context.Background(), all, time.Now().Add(-age)) {
		if v.Fetched.IsZero() {
			fmt.Fprintf(&b, "[%v]", v.Err)
			continue
		}
		fmt.Fprintf(&b, "[%s %v", v.Text, time.Since(v.Fetched))
		if v.Err != nil {
			fmt.Fprintf(&b, " %v", v.Err)
		}
		b.WriteString("]")
	}
	return b.String()
}

func TestValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{texts: map[string]string{"/a": "1", "/a:live": "0", "s": `{"k": "x", "n": 12.50, "b": true, "o": {}, "z": null, "": "empty"}`, "plain": "text"}}
		c := NewCache(v, v)
		all := []string{"ssm:/a", "ssm:/a:live", "secretsmanager:s#k", "secretsmanager:s#n", "secretsmanager:plain", "secretsmanager:s#b"}
		if got := show(c, old, all...); got != "[1 0s][0 0s][x 0s][12.50 0s][text 0s][true 0s]" {
			t.Errorf("values %s", got)
		}
		if got := v.take(); fmt.Sprint(got) != "[plain s ssm:/a,/a:live]" {
			t.Errorf("asked for %q", got)
		}
		v.texts["/a"] = "2"
		time.Sleep(old - 1)
		if got := show(c, old, "ssm:/a"); got != "[1 4m59.999999999s]" || len(v.take()) != 0 {
			t.Errorf("before it is old: %s", got)
		}
		if got := show(c, old-time.Second, "ssm:/a"); got != "[2 0s]" {
			t.Errorf("newer than asked for: %s", got)
		}
		time.Sleep(time.Nanosecond)
		if got := show(c, old, all...); got != "[2 1ns][0 0s][x 0s][12.50 0s][text 0s][true 0s]" {
			t.Errorf("values %s", got)
		}
		for of, want := range map[string]string{
			"s#o": `its key "o" holds no text, number or boolean`, "s#z": `its key "z" holds no text, number or boolean`,
			"s#K": `its JSON object has no key "K"`, "plain#k": `it is not a JSON object, so it has no key "k"`,
		} {
			if got := show(c, old, "secretsmanager:"+of); got != "["+want+"]" {
				t.Errorf("%s: %s, want %s", of, got, want)
			}
		}
		if got := show(c, old, "ssm:/none"); got != "[it has no value]" {
			t.Errorf("what the store forgot: %s", got)
		}
	})
}

// A caller who gives up is not a failure of the store: the next one requests it again.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{texts: map[string]string{"s": "one"}, takes: 2 * time.Second}
		c := NewCache(v, v)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := c.Values(ctx, []plan.Reference{reference("secretsmanager:s")}, time.Now())[0]; !errors.Is(got.Err, context.DeadlineExceeded) {
			t.Errorf("given up: %+v", got)
		}
		if got := show(c, old, "secretsmanager:s"); got != "[one 2s]" {
			t.Errorf("the next one: %s", got)
		}
	})
}

// What can't be fetched is as it was for an hour. Many who ask at once for the
// same get one request, also where it fails.
func TestStaleValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{texts: map[string]string{"s": "one"}, errs: map[string]error{}}
		c := NewCache(v, v)
		show(c, old, "secretsmanager:s")
		v.errs["s"] = errors.New("did not respond")
		time.Sleep(10 * time.Minute)
		v.take()
		for range 3 {
			if got := show(c, old, "secretsmanager:s"); got != "[one 10m0s did not respond]" {
				t.Errorf("after 10 minutes: %s", got)
			}
		}
		if got := v.take(); len(got) != 1 {
			t.Errorf("asked for %q, want one request", got)
		}
		time.Sleep(failureAge)
		show(c, old, "secretsmanager:s")
		if got := v.take(); len(got) != 1 {
			t.Errorf("the next run asked for %q", got)
		}
		time.Sleep(50*time.Minute - failureAge)
		if got := show(c, old, "secretsmanager:s"); got != "[one 1h0m0s did not respond]" {
			t.Errorf("after an hour: %s", got)
		}
		time.Sleep(failureAge)
		if got := show(c, old, "secretsmanager:s"); got != "[did not respond]" {
			t.Errorf("after more than an hour: %s", got)
		}
		delete(v.errs, "s")
		time.Sleep(failureAge)
		if got := show(c, old, "secretsmanager:s"); got != "[one 0s]" {
			t.Errorf("when it is back: %s", got)
		}
		time.Sleep(2 * staleAge)
		show(c, old, "ssm:/other")
		if len(c.entries) != 1 {
			t.Errorf("%d items are kept, want what was wanted of late", len(c.entries))
		}
	})
}

// Secrets are fetched eight at a time, and all that there is in 10 seconds.
func TestManySecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{texts: map[string]string{}, takes: 3 * time.Second}
		c := NewCache(v, v)
		var all []string
		for i := range 30 {
			all = append(all, fmt.Sprint("secretsmanager:s", i))
		}
		began := time.Now()
		got := show(c, old, all...)
		if took := time.Since(began); took != fetchTimeout || v.atOnce != atOnce {
			t.Errorf("it took %v, %d at once", took, v.atOnce)
		}
		if n := strings.Count(got, "deadline exceeded"); n != 30-3*atOnce {
			t.Errorf("%d were not fetched: %s", n, got)
		}
	})
}
