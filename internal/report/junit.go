package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// JUnit writes the summary for the gate of a pipeline: a suite a group, a case
// a target, in the event's order. A target that is down has failed. One that
// was not checked is an error, and so is one that is down while the monitor has
// no network: neither says anything of the target. Degraded targets pass, with
// the reason as their output. A certificate that expires soon is in the output
// of the first target that presented it.
func JUnit(w io.Writer, s *monitor.Summary) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites(s)); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// The elements are those that the readers of JUnit's XML have in common
// (github.com/testmoapp/junitxml).
type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []*junitSuite `xml:"testsuite"`
}

type junitCounts struct {
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Time     string `xml:"time,attr"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
	took      time.Duration
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func suites(s *monitor.Summary) *junitSuites {
	all := &junitSuites{Name: "rollcall", junitCounts: junitCounts{Time: seconds(time.Duration(s.Duration))}}
	expiring := map[*check.Result]string{}
	for _, c := range monitor.Expiring(s.Certificates()) {
		expiring[c.First] = "certificate " + expires(c.Certificate, s.Started)
	}
	byGroup := map[string]*junitSuite{}
	for i := range s.Results {
		r := &s.Results[i]
		suite := byGroup[r.Group]
		if suite == nil {
			suite = &junitSuite{Name: Plain(r.Group), Timestamp: s.Started.UTC().Format("2006-01-02T15:04:05")}
			byGroup[r.Group] = suite
			all.Suites = append(all.Suites, suite)
		}
		suite.count(r, s.VantageUnhealthy, expiring[r])
	}
	for _, suite := range all.Suites {
		suite.Time = seconds(suite.took)
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Errors += suite.Errors
	}
	return all
}

func (s *junitSuite) count(r *check.Result, noNetwork bool, note string) {
	c := junitCase{Class: s.Name, Name: Plain(r.Name), Time: seconds(0)}
	if r.Measured() {
		c.Time = seconds(r.Duration)
		s.took += r.Duration
	}
	switch {
	case r.State == check.NotChecked || r.State == check.Down && noNetwork:
		c.Error = problem(r)
		s.Errors++
	case r.State == check.Down:
		c.Failure = problem(r)
		s.Failures++
	case r.State == check.Degraded:
		c.Output = "degraded: " + reason(r)
	case r.Flaky:
		c.Output = reason(r)
	}
	if note != "" && c.Output != "" {
		c.Output += "\n"
	}
	c.Output += note
	s.Tests++
	s.Cases = append(s.Cases, c)
}

// problem has in its attributes what pipelines show, and in its text what else
// helps to find the cause.
func problem(r *check.Result) *junitProblem {
	text := fmt.Sprintf("%s\n%s", reason(r), Plain(r.URL))
	if r.Expression != "" {
		text += "\nexpected: " + Plain(r.Expression)
	}
	if r.IP.IsValid() {
		text += "\naddress: " + r.IP.String()
	}
	if r.Attempts > 0 {
		text += "\nattempts: " + strconv.Itoa(r.Attempts)
	}
	message := Plain(r.Detail)
	if message == "" {
		message = r.Reason.String()
	}
	return &junitProblem{Message: message, Type: r.Reason.String(), Text: text}
}

// seconds is JUnit's unit.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
