// Package secret has the values of parameters and secrets that events refer to:
// fetched when they are wanted, each once, and kept for the next runs.
package secret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rollcall/internal/plan"
)

// A ParameterStore is Systems Manager's; cloud.Parameters is one.
type ParameterStore interface {
	// Parameters returns the values of parameters, by names with version or
	// label ("/a:3"), and for each other name why it has none.
	Parameters(ctx context.Context, names []string) (map[string]string, map[string]error)
}

// A SecretStore is Secrets Manager's; cloud.Secrets is one.
type SecretStore interface {
	// Secret returns the present value of a secret, by name or ARN.
	Secret(ctx context.Context, id string) (string, error)
}

const (
	fetchTimeout = 10 * time.Second // all values of a run
	atOnce       = 8                // requests for secrets
	staleAge     = time.Hour        // how long a value is used that can't be fetched
	failureAge   = 10 * time.Second // how long a failure is taken for the next one's
)

// A Cache keeps values. It may be used by several goroutines.
type Cache struct {
	parameters ParameterStore
	secrets    SecretStore

	mu      sync.Mutex
	entries map[item]*entry
}

// NewCache returns a cache of what two stores have.
func NewCache(parameters ParameterStore, secrets SecretStore) *Cache {
	return &Cache{parameters: parameters, secrets: secrets, entries: map[item]*entry{}}
}

// An item is what is fetched as a whole: a parameter's version, or a secret with
// all of its members.
type item struct {
	kind plan.Kind
	name string
}

// An entry is what is known of an item.
type entry struct {
	used time.Time // guarded by the cache's mutex

	mu      sync.Mutex
	text    string
	fetched time.Time // when the request for text began; zero: there is none
	failed  time.Time // when the last request began, if it failed; else zero
	err     error     // why it did
}

// Values is a [plan.Values] function. It fetches what it has not, or has from
// before an instant. What can't be fetched is as it was, for an hour.
func (c *Cache) Values(ctx context.Context, references []plan.Reference, after time.Time) []plan.Value {
	now := time.Now()
	entries := c.of(references, now)
	wanted := slices.SortedFunc(maps.Keys(entries), func(a, b item) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	for _, of := range wanted { // in one order, so that two callers never wait for each other
		entries[of].mu.Lock()
		defer entries[of].mu.Unlock()
	}
	fetch := slices.DeleteFunc(slices.Clone(wanted), func(of item) bool {
		e := entries[of]
		return e.fetched.After(after) || !e.failed.IsZero() && now.Sub(e.failed) < failureAge
	})
	c.fetch(ctx, fetch, entries)
	values := make([]plan.Value, len(references))
	for i, r := range references {
		values[i] = entries[itemOf(r)].value(r, now)
	}
	return values
}

// itemOf returns the item that a reference is a part of.
func itemOf(r plan.Reference) item {
	if r.Kind == plan.Parameter && r.Part != "" {
		return item{r.Kind, r.Name + ":" + r.Part}
	}
	return item{r.Kind, r.Name}
}

// of returns the entries of references, and forgets what has not been wanted
// for long.
func (c *Cache) of(references []plan.Reference, now time.Time) map[item]*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := map[item]*entry{}
	for _, r := range references {
		of := itemOf(r)
		e := c.entries[of]
		if e == nil {
			e = &entry{}
			c.entries[of] = e
		}
		e.used = now
		entries[of] = e
	}
	maps.DeleteFunc(c.entries, func(_ item, e *entry) bool { return now.Sub(e.used) > staleAge })
	return entries
}

// fetch fetches items, all at once, into their entries, which are locked.
func (c *Cache) fetch(caller context.Context, wanted []item, entries map[item]*entry) {
	if len(wanted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(caller, fetchTimeout)
	defer cancel()
	now := time.Now()
	note := func(e *entry, text string, err error) {
		if e.note(text, err, now); caller.Err() != nil {
			e.failed = time.Time{} // of the store this says nothing: the next one requests it again
		}
	}
	var parameters []string
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, of := range wanted {
		if of.kind == plan.Parameter {
			parameters = append(parameters, of.name)
			continue
		}
		all.Go(func() {
			places <- struct{}{}
			text, err := c.secrets.Secret(ctx, of.name)
			note(entries[of], text, err)
			<-places
		})
	}
	if len(parameters) > 0 {
		values, failures := c.parameters.Parameters(ctx, parameters)
		for _, name := range parameters {
			text, ok := values[name]
			err := failures[name]
			if !ok && err == nil {
				err = errors.New("it has no value")
			}
			note(entries[item{plan.Parameter, name}], text, err)
		}
	}
	all.Wait()
}

// note takes over what a request brought that began at an instant.
func (e *entry) note(text string, err error, began time.Time) {
	if err != nil {
		e.failed, e.err = began, err
		return
	}
	e.text, e.fetched, e.failed, e.err = text, began, time.Time{}, nil
}

// value returns what a reference stands for.
func (e *entry) value(r plan.Reference, now time.Time) plan.Value {
	if e.fetched.IsZero() || e.err != nil && now.Sub(e.fetched) > staleAge {
		return plan.Value{Err: e.err}
	}
	text := e.text
	if r.Kind == plan.Secret && r.Part != "" {
		var err error
		if text, err = member(text, r.Part); err != nil {
			return plan.Value{Err: err}
		}
	}
	return plan.Value{Text: text, Fetched: e.fetched, Err: e.err}
}

// member returns a member of a JSON object. No error quotes the text.
func member(text, key string) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil || members == nil {
		return "", fmt.Errorf("it is not a JSON object, so it has no key %.64q", key)
	}
	raw, ok := members[key]
	if !ok {
		return "", fmt.Errorf("its JSON object has no key %.64q", key)
	}
	switch raw[0] {
	case '"':
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return "", fmt.Errorf("its key %.64q can't be read", key)
		}
		return value, nil
	case '{', '[', 'n':
		return "", fmt.Errorf("its key %.64q holds no text, number or boolean", key)
	}
	return string(raw), nil
}
