package publish

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"rollcall/internal/metric"
)

// silent is an address of this machine that accepts connections and never
// says a word, as 169.254.169.254 is where nobody listens.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return "http://" + l.Addr().String()
}

// TestCredentialsThatNeverCome: without any the SDK asks the machine's
// metadata service, which may not respond.
func TestCredentialsThatNeverCome(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_EC2_METADATA_DISABLED", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent(t))
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var lines lockedLines
	var log bytes.Buffer
	s := over(cfg, "http://127.0.0.1:1", &lines, &log).Begin(t.Context())
	defer s.Close()
	s.Add(many(3)...)
	got := s.Flush(within(t, time.Second)) // ends, though they never come
	check(t, got, metric.DeliveryStats{Datums: 3, EMF: 3, Requests: got.Requests})
	l := log.String()
	if !strings.Contains(l, "Set AWS_REGION, and credentials") || !strings.Contains(l, "the metrics fall back to EMF in the log") || strings.Count(l, "\n") != 1 {
		t.Errorf("log %q, want one line that says what to set", l)
	}
}

// TestAClockThatJumped makes every datum one that CloudWatch refuses, as it is
// of tomorrow or of last month. What was not yet refused goes by EMF, and the
// log says where to look.
func TestAClockThatJumped(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	for name, jump := range map[string]time.Duration{"ahead": 24 * time.Hour, "back": -30 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			tr := try(t, nil)
			const n = 1000
			each(n, func(d metric.Datum) {
				d.Time = d.Time.Add(jump)
				tr.Add(d)
			})
			got := tr.Flush(within(t, 10*time.Second))
			check(t, got, metric.DeliveryStats{Datums: n, EMF: n - got.Lost, Lost: got.Lost, Requests: got.Requests})
			if got.Lost > 2*hopeless || got.Requests > 100 || tr.Err() != nil {
				t.Errorf("%+v, Err %v: want few lost, in few requests", got, tr.Err())
			}
			tr.balance(t, got, tr.open(t, n))
			if l := tr.log.String(); !strings.Contains(l, "this machine's clock") || !strings.Contains(l, "MetricData.member.1.Timestamp is more than two") {
				t.Errorf("the log does not blame the clock: %.500s", l)
			}
		})
	}
}

// TestValuesOfEveryKindArriveAsTheyAre: what metric lets through, CloudWatch
// and the log take.
func TestValuesOfEveryKindArriveAsTheyAre(t *testing.T) {
	values := []float64{0, -1, 5e-324, 1 << 60, 2.348542582773833e+108, -2.348542582773833e+108, 0.1, 1e21, 123456789.123}
	for _, way := range []string{"CloudWatch", "log"} {
		tr := try(t, nil)
		if way == "log" {
			tr.Session = (&Publisher{Namespace: "Shop", EMF: &tr.lines}).Begin(t.Context())
			defer tr.Close()
		}
		d := plain("Odd", `"\ ~{}`+strings.Repeat("x", 249), 0)
		d.Time = time.Now()
		d.Values, d.Counts = values, slicesOf(len(values), 1)
		tr.Add(d)
		if got := tr.Flush(within(t, time.Second)); got.Lost > 0 {
			t.Fatalf("%s: %+v: %s", way, got, tr.log.String())
		}
		var arrived []float64
		for _, a := range tr.cloudWatch.Accepted() {
			arrived = append(arrived, a.Values...)
		}
		for _, l := range tr.lines.lines {
			for _, o := range parseEMF(t, []byte(l)) {
				arrived = append(arrived, o.value)
			}
		}
		if len(arrived) != len(values) {
			t.Fatalf("%s: %d values arrived, want %d", way, len(arrived), len(values))
		}
		for i, v := range values {
			if arrived[i] != v {
				t.Errorf("%s: %v arrived as %v", way, v, arrived[i])
			}
		}
	}
}

// TestEMFIsReadByTheSpecification runs the parser over lines of every shape.
func TestEMFIsReadByTheSpecification(t *testing.T) {
	var lines calls
	datums := append(many(300), spread("Duration", 3, upTo(150)...), spread("Up", 1000, 1))
	for i := range 120 {
		datums = append(datums, plain(strings.Repeat("M", i+1), "many metrics", float64(i)))
	}
	if lost, err := writeEMF(&lines, "Shop", datums); lost > 0 {
		t.Fatal(err)
	}
	want := 300 + 3*150 + 1000 + 120
	for _, l := range lines {
		for _, o := range parseEMF(t, []byte(l)) {
			if want--; o.namespace != "Shop" || !o.at.Equal(noon) {
				t.Errorf("%+v is of another namespace or time", o)
			}
		}
	}
	if want != 0 {
		t.Errorf("%d observations are missing", want)
	}
}
