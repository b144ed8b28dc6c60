package check

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// Milliseconds is a duration that is a JSON number of milliseconds, to the
// microsecond. [Absent] is its zero for encoding/json's omitzero.
type Milliseconds time.Duration

// IsZero reports whether the duration is Absent.
func (m Milliseconds) IsZero() bool { return time.Duration(m) == Absent }

// MarshalJSON returns milliseconds.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	us := time.Duration(m).Round(time.Microsecond).Microseconds()
	return strconv.AppendFloat(nil, float64(us)/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads milliseconds.
func (m *Milliseconds) UnmarshalJSON(data []byte) error {
	ms, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("%s is not a number of milliseconds", data)
	}
	*m = Milliseconds(math.Round(ms * float64(time.Millisecond)))
	return nil
}

// resultJSON is a Result as the summary's contract has it: durations in
// milliseconds, what is unknown absent.
type resultJSON struct {
	Name          string       `json:"name"`
	Group         string       `json:"group"`
	URL           string       `json:"url"`
	Title         string       `json:"title,omitzero"`
	Link          string       `json:"link,omitzero"`
	State         State        `json:"state"`
	Reason        Reason       `json:"reason"`
	Phase         Phase        `json:"phase,omitzero"`
	Detail        string       `json:"detail,omitzero"`
	Expression    string       `json:"expression,omitzero"`
	Warnings      []string     `json:"warnings,omitempty"`
	Status        int          `json:"status,omitzero"`
	Attempts      int          `json:"attempts"`
	Flaky         bool         `json:"flaky"`
	Started       time.Time    `json:"started,omitzero"`
	Duration      Milliseconds `json:"duration,omitzero"`
	Phases        phasesJSON   `json:"phases,omitzero"`
	IP            netip.Addr   `json:"ip,omitzero"`
	Family        int          `json:"family,omitzero"` // of IP, for whoever reads the text alone
	HTTP          string       `json:"http,omitzero"`
	Redirects     []string     `json:"redirects,omitempty"`
	Bytes         *bytesJSON   `json:"bytes,omitzero"`
	BodyTruncated bool         `json:"bodyTruncated"`
	Certificate   *Certificate `json:"certificate,omitzero"`
	TLSUnverified bool         `json:"tlsUnverified"`
	LocalDelay    Milliseconds `json:"localDelay,omitzero"`
	Clock         string       `json:"clock,omitzero"`
	Uncertainty   Milliseconds `json:"uncertainty,omitzero"`
	Unsure        bool         `json:"unsure"`
}

type phasesJSON struct {
	DNS       Milliseconds `json:"dns,omitzero"`
	Connect   Milliseconds `json:"connect,omitzero"`
	TLS       Milliseconds `json:"tls,omitzero"`
	FirstByte Milliseconds `json:"firstByte,omitzero"`
	Transfer  Milliseconds `json:"transfer,omitzero"`
}

// IsZero reports whether no phase happened.
func (p phasesJSON) IsZero() bool { return p == absentPhases }

var absentPhases = phasesJSON{absent, absent, absent, absent, absent}

const absent = Milliseconds(Absent)

type bytesJSON struct {
	Wire int64 `json:"wire"`
	Body int64 `json:"body"`
}

// MarshalJSON returns the result as the summary's contract has it.
func (r Result) MarshalJSON() ([]byte, error) {
	j := resultJSON{
		Name: r.Name, Title: r.Title, Group: r.Group, URL: r.URL, Link: r.Link, State: r.State, Reason: r.Reason, Phase: r.Phase,
		Detail: r.Detail, Expression: r.Expression, Warnings: r.Warnings, Status: r.Status, Attempts: r.Attempts, Flaky: r.Flaky,
		Duration: absent, Phases: absentPhases, HTTP: r.HTTP, Redirects: r.Redirects, BodyTruncated: r.BodyTruncated,
		Certificate: r.Certificate, TLSUnverified: r.TLSUnverified, LocalDelay: absent, Uncertainty: absent, Unsure: r.Unsure,
	}
	if r.Attempts > 0 {
		j.Started = r.Started.Round(time.Millisecond)
		j.LocalDelay, j.Clock, j.Uncertainty = Milliseconds(r.LocalDelay), r.Clock.String(), Milliseconds(r.Uncertainty)
		if p := r.Phases; p != NoPhases() { // or it was refused before anything happened
			j.Duration = Milliseconds(r.Duration)
			j.Phases = phasesJSON{
				Milliseconds(p.DNS), Milliseconds(p.Connect), Milliseconds(p.TLS), Milliseconds(p.FirstByte), Milliseconds(p.Transfer),
			}
		}
		if r.IP.IsValid() {
			j.IP, j.Family = r.IP, 6
			if r.IP.Is4() {
				j.Family = 4
			}
		}
		if r.Status != 0 {
			j.Bytes = &bytesJSON{r.BytesWire, r.BytesBody}
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote. Complete is not part of it.
func (r *Result) UnmarshalJSON(data []byte) error {
	j := resultJSON{Phases: absentPhases}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*r = Result{
		Name: j.Name, Title: j.Title, Group: j.Group, URL: j.URL, Link: j.Link, State: j.State, Reason: j.Reason, Phase: j.Phase,
		Detail: j.Detail, Expression: j.Expression, Warnings: j.Warnings, Status: j.Status, Attempts: j.Attempts, Flaky: j.Flaky,
		Started: j.Started, Duration: time.Duration(j.Duration),
		Phases: Phases{
			time.Duration(j.Phases.DNS), time.Duration(j.Phases.Connect), time.Duration(j.Phases.TLS),
			time.Duration(j.Phases.FirstByte), time.Duration(j.Phases.Transfer),
		},
		IP: j.IP, HTTP: j.HTTP, Redirects: j.Redirects, BodyTruncated: j.BodyTruncated, Certificate: j.Certificate,
		TLSUnverified: j.TLSUnverified, LocalDelay: time.Duration(j.LocalDelay), Uncertainty: time.Duration(j.Uncertainty), Unsure: j.Unsure,
	}
	if j.Bytes != nil {
		r.BytesWire, r.BytesBody = j.Bytes.Wire, j.Bytes.Body
	}
	if j.Clock == KernelClock.String() {
		r.Clock = KernelClock
	}
	return nil
}
