package function_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// stall sends all of a body but its last byte, and that one after a while, so
// that many are held at once.
func stall(body []byte, encoding string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)-1])
		http.NewResponseController(w).Flush()
		select {
		case <-time.After(time.Second):
			w.Write(body[len(body)-1:])
		case <-r.Context().Done():
		}
	})
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// TestMemoryOfResponses: what hostile servers make of a few kilobytes does not
// kill the function, and costs no other target its verdict.
func TestMemoryOfResponses(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	bomb := stall(zipped("["+strings.Repeat(`{"":0},`, 149_000)+"{}]"), "gzip")
	large := stall([]byte("it begins"+strings.Repeat(" and goes on", 87_000)+"."), "")
	honest := stall([]byte(`{"items":[`+strings.Repeat(`{"id":1234,"name":"some thing","tags":["a","b"]},`, 1_000)+`{"id":"last"}]}`), "")
	fields := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 20_000 { // of eight bytes each
			w.Header()[fmt.Sprintf("A%d", i)] = []string{""}
		}
	})
	for _, test := range []struct {
		megabytes, bombs int
		reason           string
	}{{128, 50, "expectation"}, {512, 120, "ok"}} { // 72 MB: at 128 they are read one at a time, most of a second each
		megabytes := test.megabytes
		t.Run(fmt.Sprint(megabytes), func(t *testing.T) {
			r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{
				"*.bomb.stage.test": bomb, "*.large.stage.test": large, "*.honest.stage.test": honest, "*.fields.stage.test": fields,
			}}, fmt.Sprint("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=", megabytes))
			r.timeout = 110 * time.Second
			var urls []any
			add := func(n int, kind, expect string) {
				for i := range n {
					urls = append(urls, map[string]any{"url": fmt.Sprintf("http://host-%d.%s.stage.test/", i, kind), "group": kind, "expect": []string{expect}})
				}
			}
			add(test.bombs, "bomb", "len(json) > 3")
			add(120, "fields", "status == 200")
			add(150, "honest", `json.items[1000].id == "last"`)
			add(150, "large", `body endsWith "on."`)
			s := r.run(t, eventOf(map[string]any{"urls": urls, "metrics": "group", "defaults": map[string]any{"retries": 0, "timeout": "20s"}}))
			exit := r.function.Stop()
			t.Logf("the function took %.1f MB, the run %v", float64(exit.PeakMemory)/1e6, time.Duration(s.Duration*1e6))
			if exit.PeakMemory > int64(megabytes)<<20 {
				t.Errorf("the function took %d bytes of %d MiB: Lambda would have killed it", exit.PeakMemory, megabytes)
			}
			found := map[string]int{}
			for _, res := range s.Results {
				found[res.Group+" "+res.Reason]++
				if res.Group == "bomb" && res.Reason == "expectation" && len(res.Warnings) == 0 {
					t.Errorf("%s: there is no warning with %q", res.Name, res.Detail)
				}
			}
			t.Log(found)
			want := map[string]int{"bomb " + test.reason: test.bombs, "fields headers_too_large": 120, "honest ok": 150, "large ok": 150}
			if !maps.Equal(found, want) {
				t.Errorf("found %v, want %v", found, want)
			}
		})
	}
}
