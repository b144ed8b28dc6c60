package probe

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// Millis is a duration that is a JSON number of milliseconds, to the
// microsecond. Absent is left out where the field says omitzero.
type Millis time.Duration

// IsZero reports whether there is nothing to show.
func (m Millis) IsZero() bool { return time.Duration(m) == Absent }

// MarshalJSON returns milliseconds.
func (m Millis) MarshalJSON() ([]byte, error) {
	ms := time.Duration(m).Round(time.Microsecond).Seconds() * 1000
	return strconv.AppendFloat(nil, math.Round(ms*1000)/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads milliseconds.
func (m *Millis) UnmarshalJSON(data []byte) error {
	ms, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("%s is no number of milliseconds", data)
	}
	*m = Millis(math.Round(ms * float64(time.Millisecond)))
	return nil
}

// resultJSON is a Result on the wire: what is unknown is absent.
type resultJSON struct {
	Name          string           `json:"name"`
	Group         string           `json:"group"`
	URL           string           `json:"url"`
	State         State            `json:"state"`
	Reason        Reason           `json:"reason"`
	Phase         Phase            `json:"phase,omitzero"`
	Detail        string           `json:"detail,omitzero"`
	Expression    string           `json:"expression,omitzero"`
	Status        int              `json:"status,omitzero"`
	Attempts      int              `json:"attempts"`
	Flaky         bool             `json:"flaky"`
	Started       time.Time        `json:"started,omitzero"`
	Duration      Millis           `json:"duration,omitzero"`
	Phases        *phasesJSON      `json:"phases,omitempty"`
	IP            netip.Addr       `json:"ip,omitzero"`
	Family        int              `json:"family,omitzero"`
	HTTP          string           `json:"http,omitzero"`
	Redirects     []string         `json:"redirects,omitempty"`
	Bytes         *bytesJSON       `json:"bytes,omitempty"`
	BodyTruncated bool             `json:"bodyTruncated"`
	Certificate   *certificateJSON `json:"certificate,omitempty"`
	TLSUnverified bool             `json:"tlsUnverified"`
	LocalDelay    Millis           `json:"localDelay,omitzero"`
	Clock         string           `json:"clock,omitzero"`
	Uncertainty   Millis           `json:"uncertainty,omitzero"`
	Unsure        bool             `json:"unsure"`
}

type phasesJSON struct {
	DNS       Millis `json:"dns,omitzero"`
	Connect   Millis `json:"connect,omitzero"`
	TLS       Millis `json:"tls,omitzero"`
	FirstByte Millis `json:"firstByte,omitzero"`
	Transfer  Millis `json:"transfer,omitzero"`
}

type bytesJSON struct {
	Wire int64 `json:"wire"`
	Body int64 `json:"body"`
}

type certificateJSON struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"notAfter"`
	DaysLeft float64   `json:"daysLeft"`
	Verified bool      `json:"verified"`
}

// MarshalJSON returns the result as the summary's contract has it: durations
// in milliseconds, what is unknown absent.
func (r Result) MarshalJSON() ([]byte, error) {
	j := resultJSON{
		Name: r.Name, Group: r.Group, URL: r.URL,
		State: r.State, Reason: r.Reason, Phase: r.Phase, Detail: r.Detail,
		Expression: r.Expression, Status: r.Status, Attempts: r.Attempts, Flaky: r.Flaky,
		HTTP: r.HTTP, Redirects: r.Redirects, BodyTruncated: r.BodyTruncated,
		TLSUnverified: r.TLSUnverified, Unsure: r.Unsure,
		Duration: Millis(Absent), LocalDelay: Millis(Absent), Uncertainty: Millis(Absent),
	}
	if r.Attempts > 0 {
		j.measured(&r)
	}
	if c := r.Certificate; c != nil {
		j.Certificate = &certificateJSON{c.Subject, c.Issuer, c.NotAfter, c.DaysLeft, c.Verified}
	}
	return json.Marshal(j)
}

// measured fills in what only a check that began has.
func (j *resultJSON) measured(r *Result) {
	j.Started = r.Started.Round(time.Millisecond)
	j.LocalDelay, j.Uncertainty = Millis(r.LocalDelay), Millis(r.Uncertainty)
	j.Clock = r.Clock.String()
	if r.Phases != NoPhases() { // or it was refused before anything happened
		j.Duration = Millis(r.Duration)
		j.Phases = &phasesJSON{
			Millis(r.Phases.DNS), Millis(r.Phases.Connect), Millis(r.Phases.TLS),
			Millis(r.Phases.FirstByte), Millis(r.Phases.Transfer),
		}
	}
	if r.IP.IsValid() {
		j.IP, j.Family = r.IP, family(r.IP)
	}
	if r.Status != 0 {
		j.Bytes = &bytesJSON{r.BytesWire, r.BytesBody}
	}
}

func family(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}

// UnmarshalJSON reads what MarshalJSON wrote. Complete is not part of it.
func (r *Result) UnmarshalJSON(data []byte) error {
	absent := Millis(Absent)
	j := resultJSON{Duration: absent, LocalDelay: absent, Uncertainty: absent,
		Phases: &phasesJSON{absent, absent, absent, absent, absent}}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*r = Result{
		Name: j.Name, Group: j.Group, URL: j.URL,
		State: j.State, Reason: j.Reason, Phase: j.Phase, Detail: j.Detail,
		Expression: j.Expression, Status: j.Status, Attempts: j.Attempts, Flaky: j.Flaky,
		Started: j.Started, Duration: known(j.Duration),
		Phases: Phases{
			time.Duration(j.Phases.DNS), time.Duration(j.Phases.Connect), time.Duration(j.Phases.TLS),
			time.Duration(j.Phases.FirstByte), time.Duration(j.Phases.Transfer),
		},
		IP: j.IP, HTTP: j.HTTP, Redirects: j.Redirects, BodyTruncated: j.BodyTruncated,
		TLSUnverified: j.TLSUnverified, LocalDelay: known(j.LocalDelay),
		Uncertainty: known(j.Uncertainty), Unsure: j.Unsure,
	}
	if j.Bytes != nil {
		r.BytesWire, r.BytesBody = j.Bytes.Wire, j.Bytes.Body
	}
	if c := j.Certificate; c != nil {
		r.Certificate = &Certificate{c.Subject, c.Issuer, c.NotAfter, c.DaysLeft, c.Verified}
	}
	if j.Clock == KernelClock.String() {
		r.Clock = KernelClock
	}
	return nil
}

func known(m Millis) time.Duration {
	if m.IsZero() {
		return 0
	}
	return time.Duration(m)
}
