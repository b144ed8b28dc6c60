package expect

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

func TestCompile(t *testing.T) {
	for source, want := range map[string]Error{
		"statu == 200":                     {1, 1, "unknown name statu", "statu"},
		"certificate.daysleft > 3":         {1, 13, "unknown name daysleft", "daysleft"},
		"status == 200 &&\n statuss == 4":  {2, 2, "unknown name statuss", "statuss"},
		"status == 'ok'":                   {1, 8, "invalid operation: == (mismatched types int and string)", ""},
		"status ==":                        {1, 9, "unexpected token EOF", ""},
		"":                                 {1, 1, "unexpected token EOF", ""},
		"status":                           {1, 1, "expected bool, but got int", ""},
		"body + body == ''":                {1, 6, "+ adds numbers only; write float(…) where the type is not known", ""},
		"json.a + 1 == 2":                  {1, 8, "+ adds numbers only; write float(…) where the type is not known", ""},
		"3 in 1..9":                        {1, 7, "ranges are not supported", ""},
		"map(json, #) == []":               {1, 1, "unknown name map", "map"},
		"repeat(body, 9) == ''":            {1, 1, "unknown name repeat", "repeat"},
		"$env['body'] == ''":               {1, 1, "unknown name $env", "$env"},
		"$step() && true":                  {1, 1, "unknown name $step", "$step"},
		"body matches '('":                 {1, 6, "error parsing regexp: missing closing ): `(`", ""},
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

func jsonFacts(t testing.TB, text string) facts {
	t.Helper()
	f := facts{Status: 200, Body: text, Header: map[string]string{"x-a": "b, c"}, Duration: 412.34}
	if err := json.Unmarshal([]byte(text), &f.JSON); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestExpressionsHold(t *testing.T) {
	f := jsonFacts(t, `{"db": "up", "n": 3, "list": [1, 2, 3], "deep": [{"ok": true}, {"ok": true}]}`)
	for _, source := range []string{
		"status == 200", "status in [200, 204]", "json.db == 'up' && json.n > 2", "any(json.list, # > 2)", "all(json.deep, .ok)",
		"len(json.list) == 3", "float(json.n) + 1 == 4", "status + 1 == 201", "header['X-A'] == 'b, c'",
		"header[lower('X-A')] startsWith 'b'", "header['nothing'] == ''", "'x-a' in header", "body contains 'up'", "body matches '\"n\": [0-9]'",
		"json.nothing == nil", "json?.a?.b == nil", "certificate == nil", "lower('A') == 'a'", "count(json.list, # > 1) == 2", "let n = json.n; n == 3 && n > 2",
		"not (status == 500)", "duration > 412 and duration < 413", "keys(header)[0] == 'x-a'",
	} {
		if ok, err := f.run(mustCompile(t, source)); !ok || err != nil {
			t.Errorf("%s = %v, %v; want true", source, ok, err)
		}
	}
}

// TestExpressionsAreBounded: however large the answer, an expression neither
// hangs nor panics nor eats memory.
func TestExpressionsAreBounded(t *testing.T) {
	large := jsonFacts(t, "["+strings.Repeat("1,", 500_000)+"1]")
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
		began := time.Now()
		ok, err := large.run(e)
		if took := time.Since(began); took > testnet.Patience*2*time.Second {
			t.Errorf("%s took %v", source, took)
		}
		if grown := allocated() - before; grown > 256<<20 {
			t.Errorf("%s allocated %d MiB", source, grown>>20)
		}
		if ok || err == nil && strings.HasPrefix(source, "all(json, all") {
			t.Errorf("%s = %v, %v; want it given up", source, ok, err)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestExplain(t *testing.T) {
	f := jsonFacts(t, `{"db": "down", "n": 3, "list": [1, 2, 3], "flag": false, "nothing": null}`)
	show := func(text string, _ map[string]bool) string { return "«" + text + "»" }
	for source, want := range map[string]string{
		"duration < 300":                        "duration < 300: 412.3",
		"status == 200 && duration < 300":       "duration < 300: 412.3",
		"json.db == 'up'":                       `json.db == "up": «down»`,
		"json.flag":                             "json.flag: false",
		"json.n > 5 && json.m > 5":              "json.n > 5: 3",
		"len(json.list) == 4":                   "len(json.list) == 4: 3",
		"json.nothing == 3":                     "json.nothing == 3: absent",
		"json.a.b == 3":                         "json.a.b == 3: there is no such field",
		"json.db > 5":                           "json.db > 5: «down»",
		"certificate.daysLeft > 9":              "certificate.daysLeft > 9: there is no certificate",
		"duration < dns":                        "duration < dns: 412.3, 0",
		"any(json.list, # > 3)":                 "any(json.list, # > 3): a list of 3",
		"header['x-a'] == 'z' || status == 201": `header["x-a"] == "z" || status == 201: «b, c», 200`,
		"false":                                 "false: does not hold",
	} {
		if got := f.explain(mustCompile(t, source), show); got != want {
			t.Errorf("explain(%s) = %s, want %s", source, got, want)
		}
	}
}

// TestTextIsNotShownWithSecrets: what may echo a secret is counted, not shown.
func TestTextIsNotShownWithSecrets(t *testing.T) {
	const hidden = "text of 5 bytes (not shown, as the request holds secrets)"
	for _, test := range []struct {
		secrets bool
		reads   string
		want    string
	}{
		{false, "body", `"text·"`}, {true, "body", hidden}, {true, "header", hidden}, {true, "json", hidden}, {true, "ip", `"text·"`},
	} {
		got := quoteText("text\n", map[string]bool{test.reads: true}, test.secrets)
		if strings.ReplaceAll(got, `\u00b7`, "·") != test.want {
			t.Errorf("quoteText(%s) = %s, want %s", test.reads, got, test.want)
		}
	}
	if got := quoteText("https://a.example/?token=hush", map[string]bool{"url": true}, false); got != `"https://a.example/"` {
		t.Errorf("quoteText(url) = %s, want no query", got)
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
