package peer_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/test/bench/peer"
)

func Example() {
	check := func(url string) peer.Check {
		return peer.Check{URL: url, Duration: 201500 * time.Microsecond, First: 200 * time.Millisecond}
	}
	if err := peer.Pool(os.Stdout, []string{"https://one.example/"}, 10, check); err != nil {
		fmt.Println(err)
	}
	// Output: https://one.example/	ok	201.5000	200.0000
}

func TestLinesAreReadAsWritten(t *testing.T) {
	for _, want := range []peer.Check{
		{URL: "https://a/", Duration: 1500 * time.Microsecond, First: time.Microsecond},
		{URL: "https://a/", Failure: "no such host"},
	} {
		if got, err := peer.Parse(want.String()); err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", want, got, err, want)
		}
	}
	hostile := peer.Check{URL: "https://a/", Failure: "two\tcolumns\r\ntwo lines"}
	if got, err := peer.Parse(hostile.String()); err != nil || got.Failure != "two columns  two lines" {
		t.Errorf("Parse(%q) = %+v, %v", hostile, got, err)
	}
}

func TestWrongLinesAreRefused(t *testing.T) {
	for _, line := range []string{"", "https://a/\tok\t1", "https://a/\tok\tx\t1", "https://a/\tok\t1\t", "a\tok\t1\t2\t3"} {
		if got, err := peer.Parse(line); err == nil {
			t.Errorf("Parse(%q) = %+v", line, got)
		}
	}
}

// A pool checks each URL once, and never more at once than its limit.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var urls []string
		for i := range 25 {
			urls = append(urls, fmt.Sprint(i))
		}
		var now, most atomic.Int64
		var out bytes.Buffer
		began := time.Now()
		peer.Pool(&out, urls, 10, func(url string) peer.Check {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Second)
			return peer.Check{URL: url}
		})
		if took := time.Since(began); took != 3*time.Second || most.Load() != 10 {
			t.Errorf("25 checks of 1 s, 10 at once, took %v, and %d were at once", took, most.Load())
		}
		var seen []string
		for line := range strings.Lines(out.String()) {
			url, _, _ := strings.Cut(line, "\t")
			seen = append(seen, url)
		}
		slices.Sort(seen)
		slices.Sort(urls)
		if !slices.Equal(seen, urls) {
			t.Errorf("the URLs %v were checked", seen)
		}
	})
}
