package expect

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

func TestCompile(t *testing.T) {
	for source, want := range map[string]Error{
		"statu == 200":                    {1, 1, "unknown name statu", "statu"},
		"certificate.daysleft > 3":        {1, 13, "unknown name daysleft", "daysleft"},
		"status == 200 &&\n statuss == 4": {2, 2, "unknown name statuss", "statuss"},
		"status == 'ok'":                  {1, 8, "invalid operation: == (mismatched types int and string)", ""},
		"status ==":                       {1, 9, "unexpected token EOF", ""},
		"":                                {1, 1, "unexpected token EOF", ""},
		"status":                          {1, 1, "expected bool, but got int", ""},
		"body + body == ''":               {1, 6, "+ adds numbers only; write float(…) where the type is not known", ""},
		"json.a + 1 == 2":                 {1, 8, "+ adds numbers only; write float(…) where the type is not known", ""},
		"3 in 1..9":                       {1, 7, "ranges are not supported", ""},
		"map(json, #) == []":              {1, 1, "unknown name map", "map"},
		"repeat(body, 9) == ''":           {1, 1, "unknown name repeat", "repeat"},
		"$env['body'] == ''":              {1, 1, "unknown name $env", "$env"},
		"$step() && true":                 {1, 1, "unknown name $step", "$step"},
		"body matches '('":                {1, 6, "error parsing regexp: missing closing ): `(`", ""},
		"status matches '2..'":            {1, 8, "invalid operation: matches (mismatched types int and string)", ""},
		"body matches json.p":             {1, 6, "the pattern of matches is not a constant: write it in quotation marks", ""},
		"body matches body":               {1, 6, "the pattern of matches is not a constant: write it in quotation marks", ""},
		"body matches lower('A')":         {1, 6, "the pattern of matches is not a constant: write it in quotation marks", ""},
		"let p = 'a'; body matches p":     {1, 19, "the pattern of matches is not a constant: write it in quotation marks", ""},
		"any(json, body matches #)":       {1, 16, "the pattern of matches is not a constant: write it in quotation marks", ""},
		"body matches '(.{99}){99}'":      {1, 6, "error parsing regexp: invalid repeat count", ""},
		"body matches '(.{99}){10}' or body matches '" + strings.Repeat("(.{90}){10}", 12) + "'": {1, 36, "the pattern is too large", ""},
		"body matches '" + strings.Repeat(".{999}", 11) + "'":                                    {1, 6, "the pattern is too large", ""},
		"$keep(0, body) == body":           {1, 1, "unknown name $keep", "$keep"},
		"$match(body, 0)":                  {1, 1, "unknown name $match", "$match"},
		"$time()":                          {1, 1, "unknown name $time", "$time"},
		strings.Repeat("(", 3000):          {1, 2000, "is longer than 2000 bytes", ""},
		strings.Repeat("!", 1900) + "true": {1, 0, "exceeds maximum allowed nodes", ""},
	} {
		_, err := Compile(source)
		got, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(got.Message, want.Message) || got.Unknown != want.Unknown || got.Line != want.Line || want.Column > 0 && got.Column != want.Column {
			t.Errorf("CompileExpression(%.40q) = %+v, want %+v", source, err, want)
		}
	}
}

func mustCompile(t testing.TB, source string) *Expression {
	t.Helper()
	e, err := Compile(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return e
}

// responseOf is a response of 412.34 ms with a body.
func responseOf(body string) *check.Response {
	phases := check.NoPhases()
	phases.FirstByte = 412340 * time.Microsecond
	return &check.Response{
		Result: &check.Result{Status: 200, Phases: phases, BytesBody: int64(len(body))},
		URL:    &url.URL{Scheme: "https", Host: "a.example", Path: "/", RawQuery: "token=hush"},
		Header: http.Header{"X-A": {"b", "c"}}, Body: body,
	}
}

func TestExpressionsHold(t *testing.T) {
	r := responseOf(`{"db": "up", "n": 3, "list": [1, 2, 3], "deep": [{"ok": true}, {"ok": true}]}`)
	for _, source := range []string{
		"status == 200", "status in [200, 204]", "json.db == 'up' && json.n > 2", "any(json.list, # > 2)", "all(json.deep, .ok)",
		"len(json.list) == 3", "float(json.n) + 1 == 4", "status + 1 == 201", "header['X-A'] == 'b, c'",
		"header[lower('X-A')] startsWith 'b'", "header['nothing'] == ''", "'x-a' in header", "body contains 'up'", "body matches '\"n\": [0-9]'",
		"json.nothing == nil", "json?.a?.b == nil", "certificate == nil", "lower('A') == 'a'", "count(json.list, # > 1) == 2", "let n = json.n; n == 3 && n > 2",
		"not (status == 500)", "body matches '^{' && not (body matches '^.db') && 'b, c' matches '^b'", "json.nothing matches 'a' == false",
		"lower(body) matches 'up'", "let b = upper(body); b matches 'UP' && len(b) > 3", "any(json.list, string(#) matches '3')", "json?.db matches 'up'", "duration > 412 and duration < 413", "keys(header)[0] == 'x-a'",
	} {
		if reason, detail := mustCompile(t, source).Check(r); reason != check.OK {
			t.Errorf("%s: %v, %s; want it to hold", source, reason, detail)
		}
	}
}

// TestExpressionsAreBounded: however large the response, an expression neither
// hangs nor panics nor eats memory.
func TestExpressionsAreBounded(t *testing.T) {
	large := responseOf("[" + strings.Repeat("1,", 500_000) + "1]")
	if large.JSON() == nil { // which is kept
		t.Fatal("the body is not JSON")
	}
	large.Body = strings.Repeat("a", 1<<20)
	for _, source := range []string{
		"all(json, all(json, all(json, # >= 0)))",
		"let l = filter(json, # > 0); all(l, all(l, # > 0))",
		"count(json, any(json, # == 7)) == 0",
		"all(json, any(json, body matches '(a|aa)+$'))",
		"find(json, len(filter(json, # == 1)) == 3) == 9",
		"all(json, lower(upper(lower(body))) == '')",
	} {
		e := mustCompile(t, source)
		before := allocated()
		watchdog := time.AfterFunc(time.Minute, func() { panic(source + " has no end") })
		reason, detail := e.Check(large)
		watchdog.Stop()
		if grown := allocated() - before; grown > 256<<20 {
			t.Errorf("%s allocated %d MiB", source, grown>>20)
		}
		if reason != check.Expectation || strings.HasPrefix(source, "all(json, all") && !strings.HasSuffix(detail, "expression exceeded its step limit") {
			t.Errorf("%s: %v, %s; want it given up", source, reason, detail)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestExplainWithoutJSON tells a body that is null from one that is not JSON.
func TestExplainWithoutJSON(t *testing.T) {
	for _, tt := range []struct{ body, source, want string }{
		{"{bad", "json != nil", "json != nil: the body is not JSON"},
		{"{bad", "json.a == 1", "json.a == 1: the body is not JSON"},
		{" null\n", "json.a == 1", "json.a == 1: the body is null"},
		{"null", "json != nil", "json != nil: the body is null"},
	} {
		if _, detail := mustCompile(t, tt.source).Check(responseOf(tt.body)); detail != tt.want {
			t.Errorf("%s of %q: %s, want %s", tt.source, tt.body, detail, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	r := responseOf(`{"db": "down", "n": 3, "list": [1, 2, 3], "flag": false, "text": "yes", "nothing": null}`)
	for source, want := range map[string]string{
		"duration < 300":                            "duration < 300: 412.3",
		"status == 200 && duration < 300":           "duration < 300: 412.3",
		"status == 200 and duration < 300":          "duration < 300: 412.3",
		"json.db == 'up'":                           `json.db == "up": "down"`,
		"json.flag":                                 "json.flag: false",
		"json.text && true":                         `json.text: "yes"`,
		"json.n > 5 && json.m > 5":                  "json.n > 5: 3",
		"json.n > 2 && json.m > 5":                  "json.m > 5: there is no such field",
		"len(json.list) == 4":                       "len(json.list) == 4: 3",
		"json.nothing == 3":                         "json.nothing == 3: null or absent",
		"json.a.b == 3":                             "json.a.b == 3: there is no such field",
		"json.db > 5":                               `json.db > 5: "down"`,
		"certificate.daysLeft > 9":                  "certificate.daysLeft > 9: there is no certificate",
		"duration < dns":                            "duration < dns: 412.3, 0",
		"any(json.list, # > 3)":                     "any(json.list, # > 3): a list of 3",
		"header['X-A'] == 'z'":                      `header["X-A"] == "z": "b, c"`,
		"header['x-a'] == 'z' || status == 201":     `header["x-a"] == "z" || status == 201: "b, c", 200`,
		"let n = json.n; n > 5 && json.n > 6":       "let n = json.n; n > 5 && json.n > 6: 3",
		"url == ''":                                 `url == "": "https://a.example/"`,
		"false":                                     "false: does not hold",
		"not (status == 200 || json.db == 'up')":    `not (status == 200 || json.db == "up"): 200`, // the other was not evaluated
		"json.n == 3 && not (true || json.flag)":    "not (true || json.flag): does not hold",      // nor was this, and the 3 is another part's
		"len(json.list) == len(json.db)":            "len(json.list) == len(json.db): 3, 4",
		"body matches 'ok'":                         `body matches "ok": ` + strconv.Quote(redact.Cut(r.Body, redact.MaxServer)),
		"lower(json.text) matches 'ok'":             `lower(json.text) matches "ok": "yes"`,
		"json.n matches '3'":                        `json.n matches "3": 3`,
		"lower(json.n) == '3'":                      `lower(json.n) == "3": can't be evaluated: a value is of another type`,
		"int(json.db) == 1":                         "int(json.db) == 1: can't be evaluated: int() of what is not a whole number",
		"float(json.db) > 1":                        "float(json.db) > 1: can't be evaluated: float() of what is not a number",
		"len(json.n) == 1":                          "len(json.n) == 1: can't be evaluated: len() of what has no length",
		"json.list[7] == 1":                         "json.list[7] == 1: can't be evaluated: the list has fewer elements",
		"json?.text == 'ok'":                        `json?.text == "ok": "yes"`,
		"json?.text == 'ok' || json?.none?.at == 1": `json?.text == "ok" || json?.none?.at == 1: "yes", null or absent`,
	} {
		reason, detail := mustCompile(t, source).Check(r)
		if reason != check.Expectation || detail != want {
			t.Errorf("%s: %v, %s; want %s", source, reason, detail, want)
		}
	}
	if reason, detail := mustCompile(t, "status > 200 && status < 300").Check(r); reason != check.Status || detail != "200 OK" {
		t.Errorf("of the status alone: %v, %s", reason, detail)
	}
	r.Result.BodyTruncated = true
	if _, detail := mustCompile(t, "len(body) < 5").Check(r); !strings.HasSuffix(detail, " (the body was cut off at maxBody)") {
		t.Errorf("of a truncated body: %s", detail)
	}
}

// TestTextIsNotShownWithSecrets: what may echo a secret is counted, not shown.
func TestTextIsNotShownWithSecrets(t *testing.T) {
	for source, want := range map[string]string{
		"json.db == 'up'":      `json.db == "up": text of 4 bytes (not shown, as the request holds secrets)`,
		"body == ''":           `body == "": text of 14 bytes (not shown, as the request holds secrets)`,
		"header['x-a'] == 'z'": `header["x-a"] == "z": text of 4 bytes (not shown, as the request holds secrets)`,
		"http == '3'":          `http == "3": ""`,
		"url == ''":            `url == "": "https://a.example/"`,
	} {
		r := responseOf(`{"db": "hush"}`)
		r.Secrets = func() bool { return true }
		if _, detail := mustCompile(t, source).Check(r); detail != want {
			t.Errorf("%s: %s; want %s", source, detail, want)
		}
	}
	for source, want := range map[string]string{
		"url == ''": `url == "": text of 29 bytes (not shown, as the request holds secrets)`,
		"ip == 'x'": `ip == "x": text of 9 bytes (not shown, as the request holds secrets)`,
	} {
		r := responseOf("")
		r.Redirected = true // by a server that knows a secret
		r.Result.IP = netip.MustParseAddr("192.0.2.1")
		if _, detail := mustCompile(t, source).Check(r); detail != want {
			t.Errorf("%s: %s; want %s", source, detail, want)
		}
	}
	r := responseOf("")
	r.URL = &url.URL{Scheme: "https", Host: "a.example"}
	r.URL.Path, r.URL.RawQuery = "/p;id=hush", "q"
	if _, detail := mustCompile(t, "url == ''").Check(r); detail != `url == "": "https://a.example/p"` {
		t.Errorf("path parameters: %s", detail)
	}
	if got := quote("text\n", map[string]bool{"body": true}, &check.Response{}); got != `"text·"` {
		t.Errorf("quote = %s", got)
	}
}

func TestSuccess(t *testing.T) {
	for status, want := range map[int]string{200: "ok ", 299: "ok ", 199: "status 199", 300: "status 300 Multiple Choices", 503: "status 503 Service Unavailable"} {
		r := responseOf("")
		r.Result.Status = status
		reason, detail := Success{}.Check(r)
		if got := reason.String() + " " + detail; got != want {
			t.Errorf("Check(%d) = %s, want %s", status, got, want)
		}
		byExpression, same := mustCompile(t, Success{}.String()).Check(r)
		if byExpression != reason || same != detail {
			t.Errorf("%d: as an expression %v %s, as Success %v %s", status, byExpression, same, reason, detail)
		}
	}
}

func TestNames(t *testing.T) {
	names := Names()
	for _, want := range []string{"status", "json", "header", "firstByte", "daysLeft", "any", "len"} {
		if !slices.Contains(names, want) {
			t.Errorf("ExpressionNames lacks %s", want)
		}
	}
	if slices.Contains(names, stepName) {
		t.Errorf("ExpressionNames has %s", stepName)
	}
}

func ExampleCompile() {
	_, err := Compile("status == 200 && duratoin < 300")
	fmt.Println(err)
	// Output: line 1, column 18: unknown name duratoin
}

// TestLimits: all loops of an expression together have one limit of turns, and
// one of CPU time, and all end with the run.
func TestLimits(t *testing.T) {
	e := mustCompile(t, "all(json, # > 0)")
	late := func(run *evaluation) { run.began = time.Now().Add(-time.Hour) }
	for _, test := range []struct {
		name   string
		change func(*evaluation)
		stop   bool
		want   limit
	}{
		{"within all", func(*evaluation) {}, false, ""},
		{"the last turns", func(run *evaluation) { run.steps = maxSteps - 20 }, false, ""},
		{"a turn too many", func(run *evaluation) { run.steps = maxSteps - 19 }, false, stepLimit},
		{"late for others", late, false, ""},
		{"too long", func(run *evaluation) { late(run); run.end = 1 }, false, tooLong},
		{"the run's end", late, true, runEnded},
	} {
		twenty := responseOf("[" + strings.Repeat("1,", 19) + "1]")
		twenty.Stop = func() bool { return test.stop }
		run := e.evaluation(twenty)
		test.change(run)
		value, err := expr.Run(e.parts[0].program, *run.variables)
		if run.limit != test.want || (err != nil) != (test.want != "") || err == nil && value != true {
			t.Errorf("%s: %v, %v; limit %q, want %q", test.name, value, err, run.limit, test.want)
		}
	}
}

// What other languages write gets a hint; what is plainly wrong does not.
func TestHints(t *testing.T) {
	for source, want := range map[string]string{
		"status = 200":               "write == to compare, >= for at least",
		"status => 200":              "write == to compare, >= for at least",
		"status === 200":             "write == to compare, >= for at least",
		"status <> 200":              "write != for not equal",
		"status is 200":              "write == to compare",
		"status == 200 AND size > 1": "write and, or, not in lower case",
		"NOT (status == 200)":        "write and, or, not in lower case",
		"not status == 200":          "a comparison after not needs brackets, for example not (status == 200)",
		"status == 200 & size > 1":   "write && or and",
		"body.contains('x')":         "write body contains 'text': contains, startsWith, endsWith and matches are operators",
		"contains(body, 'x')":        "write body contains 'text'",
		"body ~ 'x'":                 "write matches 'pattern'",
		"body == /x/":                "write matches 'pattern'",
		"body like 'x'":              "write contains 'text', or matches 'pattern'",
		"body == “x”":                "write ' or \"",
		"json.a == null":             "write nil",
		"response.status == 200":     "write the field alone, for example status",
		"duration < 300ms":           "numbers have no unit: durations are milliseconds",
		"status":                     "compare it, for example status == 200",
		"status == '200'":            "numbers have no quotation marks",
		"status in (200, 204)":       "a list has square brackets, for example status in [200, 204]",
		"status == 200 and (":        "the end is missing, perhaps a bracket",
		"statu == 200":               "",
		"body matches '('":           "",
	} {
		_, err := Compile(source)
		if wrong, ok := errors.AsType[*Error](err); !ok || wrong.Hint() != want {
			t.Errorf("%s: %v, hint %q, want %q", source, err, wrong.Hint(), want)
		}
	}
}
