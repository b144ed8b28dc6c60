package monitor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/text"
)

// MarshalJSON returns the whole summary; see Encode.
func (s *Summary) MarshalJSON() ([]byte, error) { return s.Encode(0) }

// Encode returns the summary as JSON of at most limit bytes; 0 means any size.
// Where not all results fit, those that are up are left out first, the last of
// them before the first, and the summary is marked as truncated.
func (s *Summary) Encode(limit int) ([]byte, error) {
	results := s.encoded
	if results == nil || limit != s.limit {
		var err error
		if results, err = s.fitting(limit); err != nil {
			return nil, err
		}
	}
	encoded, err := s.encodeHead(len(results) < len(s.Results))
	if err != nil {
		return nil, err
	}
	const end = "]}"
	encoded = append(encoded[:len(encoded)-len(end)], bytes.Join(results, []byte(","))...)
	return append(encoded, end...), nil
}

// encodeHead encodes everything except the results, whose list is empty.
func (s *Summary) encodeHead(truncated bool) ([]byte, error) {
	type members Summary // without MarshalJSON
	head := members(*s)
	head.Warnings = append([]string{}, s.Warnings...) // never null
	head.Truncated = s.Truncated || truncated
	head.Results = []check.Result{}
	encoded, err := json.Marshal(&head)
	return text.InertJSON(encoded), err
}

// growth is what the rest of a summary may grow by while it is published: by a
// warning of whose bytes JSON makes up to six each, and by numbers.
const growth = 6*longestWarning + 500

// Of a summary without results, which has less than 4 kB: the maximum number of
// warnings, and of the bytes that JSON makes of one.
const (
	mostWarnings     = 5
	mostWarningBytes = 450
)

// encodeResults encodes the results for a response of at most limit bytes, if
// there is a limit, so that Encode is quick later. The incidents of a run that is
// remembered are not known yet.
func (s *Summary) encodeResults(limit int, remembered bool) {
	if limit == 0 {
		return
	}
	if s.countsOnly {
		s.limit, s.encoded, s.Truncated = limit, [][]byte{}, len(s.Results) > 0
		if left := len(s.Warnings) - mostWarnings; left > 0 {
			s.Warnings = append(s.Warnings[:mostWarnings], fmt.Sprintf("and %d more warnings", left))
		}
		for i, w := range s.Warnings {
			w = w[:min(len(w), longestWarning)]
			for len(w) > 0 && len(text.InertJSON(quoted(w))) > mostWarningBytes {
				w = w[:len(w)*3/4]
			}
			s.Warnings[i] = strings.ToValidUTF8(w, "")
		}
		return
	}
	rest := growth
	if remembered {
		rest += maxIncidentBytes + 3*growth
	}
	if encoded, err := s.fitting(max(limit-rest, 1)); err == nil { // else Encode returns the error
		s.limit, s.encoded, s.Truncated = limit, encoded, len(encoded) < len(s.Results)
	}
}

func quoted(text string) []byte {
	encoded, _ := json.Marshal(text)
	return encoded
}

// fitting encodes the results for which there is room, in the event's order.
func (s *Summary) fitting(limit int) ([][]byte, error) {
	room := math.MaxInt
	if limit != 0 {
		head, err := s.encodeHead(false)
		if err != nil {
			return nil, err
		}
		room = limit - len(head)
	}
	encoded := make([][]byte, len(s.Results))
	for _, up := range []bool{false, true} {
		for i := range s.Results {
			if (s.Results[i].State == check.Up) != up || room < 0 {
				continue
			}
			result, err := s.Results[i].MarshalJSON() // json.Marshal would copy it once more
			if err != nil {
				return nil, err
			}
			result = text.InertJSON(result)
			if room -= len(result) + len(","); room >= 0 {
				encoded[i] = result
			}
		}
	}
	return slices.Clone(slices.DeleteFunc(encoded, func(result []byte) bool { return result == nil })), nil // without room for all
}
