package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxDocument is how many bytes a document may have, decompressed.
const MaxDocument = 64 << 20

// A ForeignError says that a later version of Rollcall, or another stack, wrote a
// document: it must not be replaced.
type ForeignError struct{ Reason string }

// Error says whose it is.
func (e *ForeignError) Error() string { return e.Reason }

// Encode returns the document's bytes: JSON, compressed by gzip.
func (d *Document) Encode() ([]byte, error) { return encode(d) }

// Encode returns the bytes of the days: JSON, compressed by gzip.
func (p *Past) Encode() ([]byte, error) { return encode(p) }

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // its error is of an unknown level
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the history: %w", err)
	}
	err := w.Close()
	return b.Bytes(), err
}

// Decode reads a document of a stack. The error is a *ForeignError, or it says why
// this is not a history that can be continued now.
func Decode(data []byte, stack string, now time.Time) (*Document, error) {
	var d Document
	if err := decode(data, stack, &d); err != nil {
		return nil, err
	}
	if d.Minute.IsZero() || d.Begun.IsZero() {
		return nil, errors.New("it is not a history: it has no minute")
	}
	if Ahead(d.Minute, now) {
		return nil, fmt.Errorf("it is of %s, which is ahead of this machine's clock", d.Minute.Format(time.RFC3339))
	}
	for i := range d.Incidents {
		if inc := &d.Incidents[i]; inc.ID == "" || !inc.State.problem() || inc.Since.IsZero() {
			return nil, fmt.Errorf("it is not a history: incidents[%d] has no id, state or time", i)
		}
	}
	for i := range d.Outbox {
		if e := &d.Outbox[i]; e.Incident == "" || !e.State.told() {
			return nil, fmt.Errorf("it is not a history: outbox[%d] has no incident or state", i)
		}
	}
	for i := range d.More {
		if !d.More[i].State.told() {
			return nil, fmt.Errorf("it is not a history: more[%d] has no state", i)
		}
	}
	return &d, nil
}

// DecodePast reads the days that are over; see [Decode].
func DecodePast(data []byte, stack string) (*Past, error) {
	var p Past
	if err := decode(data, stack, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

func decode(data []byte, stack string, into any) error {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("it can't be decompressed: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	switch {
	case err != nil:
		return fmt.Errorf("it can't be decompressed: %w", err)
	case len(text) > MaxDocument:
		return fmt.Errorf("it has more than %d MiB", MaxDocument>>20)
	}
	var head struct {
		Version int    `json:"version"`
		Stack   string `json:"stack"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("it is not a history: %w", err)
	}
	switch {
	case head.Version < 1:
		return errors.New("it is not a history: it has no version")
	case head.Version > Version:
		return &ForeignError{fmt.Sprintf("it is of version %d, which a later Rollcall wrote; this one knows %d", head.Version, Version)}
	case head.Stack != stack:
		return &ForeignError{fmt.Sprintf("it is of %q, not of %q", head.Stack, stack)}
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it is not a history: %w", err)
	}
	return nil
}
