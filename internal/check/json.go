package check

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// Millis is a duration that is a JSON number of milliseconds, to the
// microsecond.
type Milliseconds time.Duration

// MarshalJSON returns milliseconds.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return appendMillis(nil, time.Duration(m)), nil
}

// UnmarshalJSON reads milliseconds.
func (m *Milliseconds) UnmarshalJSON(data []byte) error {
	ms, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("%s is no number of milliseconds", data)
	}
	*m = Milliseconds(math.Round(ms * float64(time.Millisecond)))
	return nil
}

// resultJSON is a Result as it is read: what is unknown is absent.
type resultJSON struct {
	Name          string           `json:"name"`
	Group         string           `json:"group"`
	URL           string           `json:"url"`
	State         State            `json:"state"`
	Reason        Reason           `json:"reason"`
	Phase         Phase            `json:"phase"`
	Detail        string           `json:"detail"`
	Expression    string           `json:"expression"`
	Status        int              `json:"status"`
	Attempts      int              `json:"attempts"`
	Flaky         bool             `json:"flaky"`
	Started       time.Time        `json:"started"`
	Duration      Milliseconds     `json:"duration"`
	Phases        *phasesJSON      `json:"phases"`
	IP            netip.Addr       `json:"ip"`
	HTTP          string           `json:"http"`
	Redirects     []string         `json:"redirects"`
	Bytes         *bytesJSON       `json:"bytes"`
	BodyTruncated bool             `json:"bodyTruncated"`
	Certificate   *certificateJSON `json:"certificate"`
	TLSUnverified bool             `json:"tlsUnverified"`
	LocalDelay    Milliseconds     `json:"localDelay"`
	Clock         string           `json:"clock"`
	Uncertainty   Milliseconds     `json:"uncertainty"`
	Unsure        bool             `json:"unsure"`
}

type phasesJSON struct {
	DNS       Milliseconds `json:"dns"`
	Connect   Milliseconds `json:"connect"`
	TLS       Milliseconds `json:"tls"`
	FirstByte Milliseconds `json:"firstByte"`
	Transfer  Milliseconds `json:"transfer"`
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
	o := newObject().text("name", r.Name).text("group", r.Group).text("url", r.URL).
		text("state", r.State.String()).text("reason", r.Reason.String())
	if r.Phase != NoPhase {
		o = o.text("phase", r.Phase.String())
	}
	o = o.some("detail", r.Detail).some("expression", r.Expression)
	if r.Status != 0 {
		o = o.integer("status", int64(r.Status))
	}
	o = o.integer("attempts", int64(r.Attempts)).flag("flaky", r.Flaky)
	if r.Attempts > 0 {
		o = r.times(o)
	}
	o = o.some("http", r.HTTP).texts("redirects", r.Redirects)
	if r.Attempts > 0 && r.Status != 0 {
		o = append(o.name("bytes"), '{').integer("wire", r.BytesWire).integer("body", r.BytesBody).end()
	}
	o = o.flag("bodyTruncated", r.BodyTruncated)
	if c := r.Certificate; c != nil {
		o = append(o.name("certificate"), '{').text("subject", c.Subject).text("issuer", c.Issuer).
			instant("notAfter", c.NotAfter).number("daysLeft", c.DaysLeft).flag("verified", c.Verified).end()
	}
	o = o.flag("tlsUnverified", r.TLSUnverified)
	if r.Attempts > 0 {
		o = o.millis("localDelay", r.LocalDelay).text("clock", r.Clock.String()).millis("uncertainty", r.Uncertainty)
	}
	return o.flag("unsure", r.Unsure).end(), nil
}

// times appends when and how long a check that began took, and to whom.
func (r *Result) times(o object) object {
	if started := r.Started.Round(time.Millisecond); !started.IsZero() {
		o = o.instant("started", started)
	}
	if p := r.Phases; p != NoPhases() { // or it was refused before anything happened
		o = append(o.millis("duration", r.Duration).name("phases"), '{').millis("dns", p.DNS).millis("connect", p.Connect).
			millis("tls", p.TLS).millis("firstByte", p.FirstByte).millis("transfer", p.Transfer).end()
	}
	if r.IP.IsValid() {
		o = o.text("ip", r.IP.String()).integer("family", family(r.IP))
	}
	return o
}

func family(ip netip.Addr) int64 {
	if ip.Is4() {
		return 4
	}
	return 6
}

// UnmarshalJSON reads what MarshalJSON wrote. Complete is not part of it.
func (r *Result) UnmarshalJSON(data []byte) error {
	absent := Milliseconds(Absent)
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

func known(m Milliseconds) time.Duration {
	if time.Duration(m) == Absent {
		return 0
	}
	return time.Duration(m)
}
