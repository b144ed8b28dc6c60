package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rollcall/internal/notify"
)

func TestRun(t *testing.T) {
	status, got := 200, ""
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		w.WriteHeader(status)
	}))
	defer service.Close()
	line := "group=shop generic+" + service.URL + "/a-secret-path?disabletls=yes"
	transport := &notify.Transport{Base: http.DefaultTransport}
	http.DefaultTransport = transport
	t.Cleanup(func() { http.DefaultTransport = transport.Base })
	tests := []struct {
		args          []string
		in            string
		status, code  int
		out, problems string
	}{
		{[]string{"--to", line, "--try"}, "", 200, 0, "line 1 (generic): sent \"DOWN: a-trial (trial): 503 Service Unavailable, which is made up\"\n", ""},
		{[]string{"--to", "-", "--try"}, "# a comment\n" + line, 200, 0, "line 2 (generic): sent \"DOWN: a-trial (trial): 503 Service Unavailable, which is made up\"\n", ""},
		{[]string{"--to", line, "--try"}, "", 401, 1, "", "rollcall-notify: line 1 (generic): generic responded 401 Unauthorized\n"},
		{[]string{"--to", "slack://a-secret-path", "--try"}, "", 200, 2, "", "rollcall-notify: line 1: the URL is not valid for slack\n"},
		{[]string{"--to", "-", "--try"}, "# a comment\n", 200, 2, "", "rollcall-notify: no line names a service\n"},
		{[]string{"--to", "-", "--try"}, strings.Repeat("a-secret-path\n", 9), 200, 2, "", strings.Join([]string{
			wrongLine(1), wrongLine(2), wrongLine(3), wrongLine(4), wrongLine(5), "rollcall-notify: 4 more lines are wrong\n"}, "")},
		{[]string{"--to", line}, "", 200, 2, "", usage},
		{[]string{"--to", "--a-secret-path"}, "", 200, 2, "", usage},
		{[]string{"--help"}, "", 200, 0, usage, ""},
	}
	for _, test := range tests {
		var out, problems bytes.Buffer
		status, got = test.status, ""
		code := run(t.Context(), test.args, strings.NewReader(test.in), &out, &problems, &notify.Sender{Transport: transport})
		if code != test.code || out.String() != test.out || problems.String() != test.problems || strings.Contains(problems.String(), "a-secret-path") {
			t.Errorf("%v: %d, %q, %q", test.args, code, out.String(), problems.String())
		}
		if code == 0 && test.out != usage && !strings.HasPrefix(got, `{"version":1,"kind":"incident","state":"down"`) {
			t.Errorf("%v sent %s", test.args, got)
		}
	}
}

func wrongLine(n int) string {
	return fmt.Sprintf("rollcall-notify: line %d: its last word is not a URL with ://\n", n)
}
