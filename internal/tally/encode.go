package tally

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/list"
	"rollcall/internal/plan"
)

// MaxDocument is how many bytes a tally may have, decompressed.
const MaxDocument = 64 << 20

// What a tally can't have more of, as no list has: memory stays bounded, whatever is
// read.
const (
	maxParts   = 1000 // of a run, as in an event
	maxTargets = list.MaxLines
	maxLine    = 1 << 20 // bytes of a result
	maxDatums  = 1 << 40 // that were published
)

// Encode writes the tally: lines of JSON, compressed by gzip. The first has all but
// the names, which are the second, and the results and looks, which are one each.
func (t *Tally) Encode(w io.Writer) error {
	t.cut()
	head := *t
	head.Warnings = append([]string{}, t.Warnings...) // never null
	head.Problems = append([]Problem{}, t.Problems...)
	names := t.Names
	if t.known != nil {
		names = t.known.all()
	}
	var looks []history.Look
	if t.History != nil {
		seen := *t.History
		looks, seen.Looked = slices.Clone(seen.Looked), nil
		head.History = &seen
	}
	slices.SortStableFunc(looks, func(a, b history.Look) int { // which are by place
		switch {
		case a.Stays() == b.Stays():
			return 0
		case a.Stays():
			return -1
		}
		return 1
	})
	z := gzip.NewWriter(w)
	lines := json.NewEncoder(z)
	err := cmp.Or(lines.Encode(&head), lines.Encode(names))
	for i := range t.Results {
		err = cmp.Or(err, lines.Encode(t.Results[i]))
	}
	for i := range looks {
		err = cmp.Or(err, lines.Encode(lookLine{&looks[i]}))
	}
	if err != nil {
		return fmt.Errorf("encoding the tally: %w", err)
	}
	return z.Close()
}

// Decode reads a tally that Encode wrote, to be added to sum. Of its results, those
// that sum has no room for are left out. The error says why it is not a tally.
func Decode(r io.Reader, sum *Tally) (*Tally, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("it is not a tally: %w", err)
	}
	lines := &lineReader{text: bufio.NewReaderSize(z, 64<<10), left: MaxDocument}
	t := &Tally{limits: OfSum}
	for _, read := range []func() error{func() error { return lines.head(t) }, func() error { return lines.names(t) }, func() error { return lines.results(t, sum) }} {
		if err := read(); errors.Is(err, errDamaged) || errors.Is(err, errLater) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("it is not a tally: %w", err)
		}
	}
	return t, nil
}

// A lineReader reads a tally line by line.
type lineReader struct {
	text *bufio.Reader
	left int    // bytes that it may still have
	long []byte // a line that is longer than the reader's buffer
}

// What is wrong with a tally that may well be one.
var (
	errDamaged = errors.New("it can't be decompressed")
	errLater   = errors.New("a later Rollcall wrote it")
)

// next returns a line without its end, valid until the next one. It is nil at the
// end.
func (l *lineReader) next(most int) ([]byte, error) {
	l.long = l.long[:0]
	for {
		line, err := l.text.ReadSlice('\n')
		if l.left -= len(line); l.left < 0 {
			return nil, fmt.Errorf("it has more than %d MiB", MaxDocument>>20)
		}
		if len(l.long)+len(line) > most {
			return nil, fmt.Errorf("a line of it has more than %d MiB", most>>20)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, line...)
			continue
		case errors.Is(err, io.EOF) && len(l.long)+len(line) > 0:
			return nil, errors.New("its last line has no end")
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		case len(l.long) > 0:
			line = append(l.long, line...)
		}
		return line[:len(line)-1], nil
	}
}

// head reads the first line.
func (l *lineReader) head(t *Tally) error {
	text, err := l.next(MaxDocument)
	if err != nil {
		return err
	}
	var version struct {
		Version int   `json:"version"`
		Parts   []int `json:"parts"`
	}
	if err := inspect(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &version); err != nil || version.Version < 1 || len(version.Parts) == 0 {
		return errors.New("it has no version and no parts")
	}
	if version.Version > Version {
		return fmt.Errorf("%w: it is of version %d, and this one knows %d", errLater, version.Version, Version)
	}
	err = json.Unmarshal(text, t)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("its %s can't be a %s", wrong.Field, wrong.Value)
	}
	if err != nil {
		return err
	}
	return t.check()
}

// check finds what the head of a tally can't be.
func (t *Tally) check() error {
	if t.Run == "" || t.Of < 1 || t.Of > maxParts || len(t.Parts) > t.Of {
		return errors.New("it has no run, or not 1 to 1000 parts")
	}
	for i, part := range t.Parts {
		if part < 0 || part >= t.Of || i > 0 && part <= t.Parts[i-1] {
			return fmt.Errorf("its parts must ascend from 0 to %d", t.Of-1)
		}
	}
	net, sent := &t.Network, &t.Published
	counts := []int{
		t.Targets, t.Up, t.Degraded, t.Down, t.NotChecked, t.Flaky, t.Kernel, t.Process, t.Blind, t.Unhealthy, t.Twice, t.Counted, t.NotDown,
		net.Hosts, net.Unreachable, net.Heard, net.Canary, net.Failed,
	}
	datums := []int{sent.Datums, sent.Accepted, sent.EMF, sent.Lost, sent.Unclear, sent.Requests, sent.Retries}
	switch {
	case slices.Min(counts) < 0, slices.Max(counts) > maxTargets, slices.Min(datums) < 0, slices.Max(datums) > maxDatums, t.MaxDelay < 0,
		t.Up+t.Degraded+t.Down+t.NotChecked != t.Targets, max(t.Flaky, t.Kernel+t.Process, t.Counted, t.Twice) > t.Targets, t.NotDown > t.Counted,
		t.Blind+t.Unhealthy > len(t.Parts):
		return errors.New("its counts don't add up")
	case t.Ended.Before(t.Started):
		return errors.New("it ended before it began")
	}
	if t.History != nil {
		if err := t.History.Check(maxTargets); err != nil {
			return err
		}
	}
	failed := 0
	for _, p := range t.Problems {
		if p.Targets < 1 || p.Targets > maxTargets {
			return errors.New("its counts don't add up")
		}
		failed += p.Targets
	}
	if failed != t.Targets-t.Up {
		return errors.New("its counts don't add up")
	}
	return nil
}

// names reads the second line: the hashes as they ascend, sixteen bytes each, as
// base64 in a text.
func (l *lineReader) names(t *Tally) error {
	text, err := l.next(MaxDocument)
	if err != nil {
		return err
	}
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return errors.New("its second line is not the names")
	}
	encoded, err := base64.StdEncoding.AppendDecode(nil, text[1:len(text)-1])
	if err != nil || len(encoded)%16 != 0 || len(encoded)/16 > t.Targets {
		return errors.New("its names are not hashes of sixteen bytes, at most one of each target")
	}
	t.Names = make(Names, len(encoded)/16)
	for i := range t.Names {
		pair := encoded[16*i:]
		t.Names[i] = plan.Claim{Name: binary.BigEndian.Uint64(pair), Check: binary.BigEndian.Uint64(pair[8:])}
		if i > 0 && t.Names[i].Name <= t.Names[i-1].Name {
			return errors.New("its names do not ascend")
		}
	}
	return nil
}

// MarshalJSON writes what names reads.
func (n Names) MarshalJSON() ([]byte, error) {
	encoded := make([]byte, 0, 16*len(n))
	for _, c := range n {
		encoded = binary.BigEndian.AppendUint64(encoded, c.Name)
		encoded = binary.BigEndian.AppendUint64(encoded, c.Check)
	}
	return json.Marshal(encoded)
}

// results reads the results, as far as sum has room for them, and then the looks.
func (l *lineReader) results(t, sum *Tally) error {
	count := map[Problem]int{}
	for _, p := range t.Problems {
		count[p.kind()] += p.Targets
	}
	enough := false
	for n := 1; ; n++ {
		text, err := l.next(maxLine)
		if text == nil || err != nil {
			return err
		}
		if bytes.HasPrefix(text, beginOfLook) {
			return l.looks(t, sum, text)
		}
		if n > t.Targets {
			return errors.New("it has more results than targets")
		}
		if enough {
			continue
		}
		r, ok := resultOf(text)
		if !ok {
			return fmt.Errorf("its result %d is not one", n)
		}
		if len(t.Results) > 0 && r.compare(&t.Results[len(t.Results)-1]) <= 0 {
			return errors.New("its results are not in order")
		}
		kind := problemOf(&r.Result, 1).kind()
		if count[kind]--; r.State != check.Up && count[kind] < 0 {
			return errors.New("its results are others than those that it counts")
		}
		if enough = len(t.Results) == t.limits.All || sum != nil && sum.last != nil && r.compare(sum.last) > 0; !enough {
			t.Results = append(t.Results, r)
		}
	}
}

// A lookLine is a line that has a look of the history.
type lookLine struct {
	Look *history.Look `json:"look"`
}

var beginOfLook = []byte(`{"look":`)

// looks reads these lines, from the one on that was read. Those that are never left out
// stand first; of the others, those that sum has no room for are counted.
func (l *lineReader) looks(t, sum *Tally, text []byte) (err error) {
	enough := false
	for n := 1; text != nil; n++ {
		if n > t.Targets || t.History == nil || len(t.History.Looked) == maxMembers {
			return errors.New("it has more looks than targets, or than any tally")
		}
		if enough {
			t.History.LeftLooks++
		} else {
			line := lookLine{&history.Look{}}
			if err := json.Unmarshal(text, &line); err != nil || line.Look == nil || !line.Look.Valid() {
				return fmt.Errorf("its look %d is not one", n)
			}
			if enough = sum != nil && sum.fullLooks && !line.Look.Stays() && line.Look.At > sum.lastLook; enough {
				t.History.LeftLooks++
			} else {
				t.History.Looked = append(t.History.Looked, *line.Look)
			}
		}
		if text, err = l.next(maxLine); err != nil {
			return err
		}
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

// resultOf reads what MarshalJSON wrote.
func resultOf(line []byte) (r Result, ok bool) {
	rest, begins := bytes.CutPrefix(line, []byte(`{"at":`))
	at, rest, found := bytes.Cut(rest, []byte(`,"result":`))
	rest, ends := bytes.CutSuffix(rest, []byte("}"))
	if !begins || !found || !ends {
		return r, false
	}
	n, err := strconv.ParseUint(string(at), 10, 31)
	r.At = int(n)
	return r, cmp.Or(err, r.UnmarshalJSON(rest)) == nil && r.Name != "" // of check.Result
}

// maxMembers is how many values a list or an object of a tally may have: more than
// any has that Encode wrote.
const maxMembers = 200_000

// inspect finds what encoding/json takes, and Encode never writes: a member that is
// there twice, and lists that would take far more memory than their text.
func inspect(text []byte) error {
	if !json.Valid(text) {
		return errors.New("its first line is not JSON")
	}
	type open struct {
		members map[string]bool // nil in a list
		n       int
	}
	var within []open
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			begin := i
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			after := bytes.TrimLeft(text[i+1:], " \t\r\n")
			if len(after) == 0 || after[0] != ':' {
				continue // a value
			}
			var name string
			if err := json.Unmarshal(text[begin:i+1], &name); err != nil {
				return err // unreachable: it is valid
			}
			if len(within) == 1 { // where names are compared without their case
				name = string(bytes.ToLower([]byte(name)))
			}
			members := within[len(within)-1].members
			if members[name] {
				return fmt.Errorf("it has %q twice", name)
			}
			members[name] = true
		case '{':
			within = append(within, open{members: map[string]bool{}})
		case '[':
			within = append(within, open{})
		case '}', ']':
			within = within[:len(within)-1]
		case ',':
			if within[len(within)-1].n++; within[len(within)-1].n >= maxMembers {
				return fmt.Errorf("a list of it has more than %d values", maxMembers)
			}
		}
	}
	return nil
}
