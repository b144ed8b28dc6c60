package check

import "testing"

func TestReasonsAreWords(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Reasons() {
		var back Reason
		text, _ := r.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != r || seen[r.String()] {
			t.Errorf("%v: got back %v, %v", r, back, err)
		}
		seen[r.String()] = true
	}
	if err := new(Reason).UnmarshalText([]byte("nonsense")); err == nil {
		t.Error("nonsense is taken for a reason")
	}
}

func TestStates(t *testing.T) {
	for reason, want := range map[Reason]State{
		OK: Up, DNSNotFound: Down, Timeout: Down, Status: Down, Expectation: Down, RedirectInsecure: Down,
		Deadline: NotChecked, Unstarted: NotChecked, InvalidTarget: NotChecked, Internal: NotChecked,
	} {
		if got := reason.State(); got != want {
			t.Errorf("%v.State() = %v, want %v", reason, got, want)
		}
	}
}

func TestRetryable(t *testing.T) {
	passing := map[Reason]bool{
		DNSTemporary: true, DNSTimeout: true, ConnectionRefused: true, ConnectionReset: true,
		ConnectionClosed: true, Unreachable: true, Timeout: true,
	}
	for _, r := range Reasons() {
		if got := (&Result{Reason: r, Status: 404}).Retryable(); got != passing[r] {
			t.Errorf("%v: Passing = %v, want %v", r, got, passing[r])
		}
	}
	for status, want := range map[int]bool{200: false, 404: false, 429: true, 500: true, 503: true, 599: true} {
		for _, reason := range []Reason{Status, Expectation} {
			if got := (&Result{Reason: reason, Status: status}).Retryable(); got != want {
				t.Errorf("%v with status %d: Passing = %v, want %v", reason, status, got, want)
			}
		}
		if (&Result{State: Degraded, Reason: Status, Status: status}).Retryable() {
			t.Errorf("a degraded response with status %d is retryable", status)
		}
	}
}
