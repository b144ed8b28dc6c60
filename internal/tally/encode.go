package tally

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"rollcall/internal/check"
	"rollcall/internal/metric"
)

// MaxDocument is how many bytes a tally may have, decompressed.
const MaxDocument = 64 << 20

// maxParts is how many parts a run may have, as in an event.
const maxParts = 1000

// Encode writes the tally: JSON, compressed by gzip.
func (t *Tally) Encode(w io.Writer) error {
	t.cut()
	own := *t
	own.Warnings = append([]string{}, t.Warnings...) // never null
	own.Problems = append([]Problem{}, t.Problems...)
	own.Results = append([]Result{}, t.Results...)
	z := gzip.NewWriter(w)
	if err := json.NewEncoder(z).Encode(&own); err != nil {
		return fmt.Errorf("encoding the tally: %w", err)
	}
	return z.Close()
}

// Decode reads a tally that Encode wrote. The error says why it is none.
func Decode(r io.Reader) (*Tally, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("it is not a tally: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, MaxDocument+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it can't be decompressed: %w", err)
	case len(text) > MaxDocument:
		return nil, fmt.Errorf("it is not a tally: it has more than %d MiB", MaxDocument>>20)
	}
	var head struct {
		Version int   `json:"version"`
		Parts   []int `json:"parts"`
	}
	if err := json.Unmarshal(text, &head); err != nil || head.Version < 1 || len(head.Parts) == 0 {
		return nil, errors.New("it is not a tally: it has no version and no parts")
	}
	if head.Version > Version {
		return nil, fmt.Errorf("it is of version %d, which a later Rollcall wrote; this one knows %d", head.Version, Version)
	}
	t := &Tally{LocalDelay: metric.Distribution{}, Names: Names{}, limits: OfSum}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("it is not a tally: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("it is not a tally: %w", err)
	}
	return t, nil
}

// check finds what a tally can't be.
func (t *Tally) check() error {
	if t.Run == "" || t.Of < 1 || t.Of > maxParts || len(t.Parts) > t.Of {
		return errors.New("it has no run, or not 1 to 1000 parts")
	}
	for i, part := range t.Parts {
		if part < 0 || part >= t.Of || i > 0 && part <= t.Parts[i-1] {
			return fmt.Errorf("its parts must ascend from 0 to %d", t.Of-1)
		}
	}
	counts := []int{t.Targets, t.Up, t.Degraded, t.Down, t.NotChecked, t.Flaky, t.Kernel, t.Process, t.Blind, t.Unhealthy, t.Twice, t.Counted, t.NotDown}
	if slices.Min(counts) < 0 || t.Up+t.Degraded+t.Down+t.NotChecked != t.Targets {
		return errors.New("its counts don't add up")
	}
	failed := 0
	for _, p := range t.Problems {
		if p.Targets < 1 {
			return errors.New("its counts don't add up")
		}
		failed += p.Targets
	}
	if failed != t.Targets-t.Up || len(t.Results) > t.Targets {
		return errors.New("its counts don't add up")
	}
	return nil
}

// MarshalJSON writes the hashes as they ascend, sixteen bytes each, as base64.
func (n Names) MarshalJSON() ([]byte, error) {
	encoded := make([]byte, 0, 16*len(n))
	for _, name := range slices.Sorted(maps.Keys(n)) {
		encoded = binary.BigEndian.AppendUint64(encoded, name)
		encoded = binary.BigEndian.AppendUint64(encoded, n[name])
	}
	return json.Marshal(encoded)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *Names) UnmarshalJSON(data []byte) error {
	var encoded []byte
	if err := json.Unmarshal(data, &encoded); err != nil {
		return err
	}
	if len(encoded)%16 != 0 {
		return errors.New("names are not hashes of sixteen bytes")
	}
	*n = make(Names, len(encoded)/16)
	for pair := range slices.Chunk(encoded, 16) {
		(*n)[binary.BigEndian.Uint64(pair)] = binary.BigEndian.Uint64(pair[8:])
	}
	return nil
}

// MarshalJSON writes the result as a summary has it, with its place.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		At     int          `json:"at"`
		Result check.Result `json:"result"`
	}{r.At, r.Result})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Result) UnmarshalJSON(data []byte) error {
	var j struct {
		At     int          `json:"at"`
		Result check.Result `json:"result"`
	}
	err := json.Unmarshal(data, &j)
	r.At, r.Result = j.At, j.Result
	return err
}
