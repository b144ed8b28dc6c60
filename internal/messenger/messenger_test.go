package messenger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rollcall/internal/messenger"
)

// TestMain is the program, too: it accepts what is for "well #1".
func TestMain(m *testing.M) {
	if len(os.Args) != 2 || os.Args[1] != messenger.Check && os.Args[1] != messenger.Send {
		os.Exit(m.Run())
	}
	var o messenger.Order
	json.NewDecoder(os.Stdin).Decode(&o)
	r := messenger.Report{Services: []messenger.Service{{Key: "well #1", Name: "line 1 (well)"}}}
	switch {
	case o.Lines == "wrong":
		fmt.Fprintln(os.Stderr, "rollcall-notify: line 1: it is wrong\nrollcall-notify: line 2: so is this")
		os.Exit(2)
	case o.Lines == "old":
		fmt.Println("hello")
		os.Exit(0)
	case o.To == "hangs":
		time.Sleep(time.Minute)
	case o.To == "busy":
		r.Problem, r.Again = "busy responded 503", true
	case o.To == "gone":
		r.Problem = "gone responded 410"
	case o.Message != nil && o.Message.Subject != "filtered":
		r.Sent = 1
	}
	json.NewEncoder(os.Stdout).Encode(r)
}

func Example() {
	program := os.Args[0] // the path of rollcall-notify
	m, keys, err := messenger.New(context.Background(), program, "well://a-token", func(service, subject string) {
		fmt.Println(service, "was sent", subject)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range keys {
		fmt.Println(key, m.Publish(context.Background(), key, "DOWN: shop", "It is down.", false, nil, 1))
	}
	// Output:
	// line 1 (well) was sent DOWN: shop
	// well #1 <nil>
}

func TestProblems(t *testing.T) {
	for lines, want := range map[string]string{"wrong": "line 1: it is wrong\nline 2: so is this", "old": "responded with something else than a report"} {
		if _, _, err := messenger.New(t.Context(), os.Args[0], lines, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", lines, err, want)
		}
	}
	if _, _, err := messenger.New(t.Context(), "/no/such/program", "", nil); err == nil {
		t.Error("no error without a program")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := messenger.New(ended, os.Args[0], "", nil); err == nil || err.Error() != os.Args[0]+" did not respond: is it of another version?" {
		t.Errorf("a program that hangs: %v", err)
	}
	m, _, err := messenger.New(t.Context(), os.Args[0], "well://", func(_, subject string) { t.Errorf("%s counts as sent", subject) })
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]struct {
		text             string
		invalid, certain bool
	}{"busy": {"busy: busy responded 503", false, false}, "gone": {"gone: gone responded 410", true, true}, "hangs": {"hangs: it did not respond in time", false, false}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if to == "hangs" {
			cancel()
		}
		err := m.Publish(ctx, to, "DOWN", `{"default": "{}"}`, true, nil, 1)
		cancel()
		refused, ok := err.(interface {
			Refused() (invalid, certain bool)
		})
		if !ok {
			t.Errorf("%s: %v", to, err)
			continue
		}
		if invalid, certain := refused.Refused(); err.Error() != want.text || invalid != want.invalid || certain != want.certain {
			t.Errorf("%s: %v, %t, %t", to, err, invalid, certain)
		}
	}
	if err := m.Publish(t.Context(), "well #1", "filtered", "", false, nil, 1); err != nil {
		t.Error(err)
	}
	if err := m.Publish(t.Context(), "well #1", "x", "no JSON", true, nil, 1); err == nil {
		t.Error("an envelope that is not JSON was sent")
	}
}
