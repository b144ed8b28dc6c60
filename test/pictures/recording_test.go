package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
)

func TestRecord(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		for _, chunk := range []string{"\x1b[2m██░░\x1b[0m 50 %", "\r\x1b[K", "a <b>\r\n", "\x1b[36m██\x1b[0m  1 s\r\n"} {
			io.WriteString(w, chunk)
		}
		w.Close()
	}()
	frames, err := record(r)
	if err != nil || len(frames) != 4 {
		t.Fatalf("%d frames, error %v", len(frames), err)
	}
	if first := frames[0].lines; len(first) != 1 || len(first[0]) != 2 || first[0][0] != (run{"c2", "██░░"}) || first[0][1] != (run{"", " 50 %"}) {
		t.Errorf("the first frame is %v", first)
	}
	if second := frames[1].lines; len(second) != 1 || len(second[0]) != 0 {
		t.Errorf("the second frame is %v", second)
	}
	if last := frames[3].lines; len(last) != 3 || last[0][0].text != "a <b>" || last[1][0] != (run{"c36", "██"}) {
		t.Errorf("the last frame is %v", last)
	}
}

// The picture is XML without a script, and its last frame is what shows without
// animations.
func TestAnimation(t *testing.T) {
	svg := animation("rollcall compare <x>", []frame{
		{0, [][]run{{{"c2", "██░░"}, {"", " 50 %"}}}}, {time.Second, [][]run{{{"", "all  "}, {"c36", "█"}, {"", "  1 s"}}, nil}},
	})
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && !strings.Contains("svg style rect text tspan g", e.Name.Local) {
			t.Errorf("there is a <%s>", e.Name.Local)
		}
	}
	for _, want := range []string{".f0 { opacity: 0;", ".f1 { opacity: 1;", `<rect class="c2" x="22.0" y="46.0" width="16.8"`, `<rect class="c2 half" x="38.8"`, `<text class="" x="89.2" y="58.0" textLength="25.2"`, "prefers-reduced-motion"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
}
