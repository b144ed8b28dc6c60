package plan

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"rollcall/internal/guard"
)

func TestDoubts(t *testing.T) {
	const event = `{"defaults": {"timeout": "50s"}, "urls": [
		"https://10.0.0.1", "http://localhost:8080/x", "https://[::1]", "https://0x7f.1", "https://wiki",
		"http://169.254.169.254/latest", "https://metadata.google.internal",
		"https://a.example", {"url": "https://b.example", "timeout": "51s"}, "not a URL"
	]}`
	p, err := parse([]byte(event), Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	allow := guard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	timeout := `"b.example": the timeout is longer than the checks of a run may take, 50s: the check ends with the run, and its reason is deadline`
	metadata := `"http://169.254.169.254/latest", "metadata.google.internal": ` + isMetadata
	for _, test := range []struct {
		guard guard.Guard
		want  []string
	}{
		{guard.Guard{}, []string{`"10.0.0.1", "http://localhost:8080/x", "[::1]" and 2 more: ` + isPrivate, metadata, timeout}},
		{allow, []string{metadata, timeout}},
	} {
		if got := p.Doubts(test.guard, 50*time.Second); !slices.Equal(got, test.want) {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
	if got := p.Doubts(allow, time.Hour); len(got) != 1 {
		t.Errorf("with an hour: %q", got)
	}
}
