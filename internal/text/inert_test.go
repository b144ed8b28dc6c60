package text

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestInert(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"# one, a: b":                         "# one, a: b",
		"##vso[task.complete result=Failed;]": "# #vso[task.complete result=Failed;]",
		"of a ##[error]x":                     "of a # #[error]x",
		"###[x] ##":                           "# # #[x] # #",
		"::set-output name=a::b":              ": :set-output name=a::b",
		"::ERROR::x":                          ": :ERROR: :x",
		"::add-mask::cafe":                    ": :add-mask::cafe",
		":::error::":                          ": : :error::",
		"std::vector":                         "std: :vector",
		"::1, 2001:db8::a, ::ffff:10.0.0.1":   "::1, 2001:db8::a, ::ffff:10.0.0.1",
		"fe80::1%eth0 [::]:80":                "fe80::1%eth0 [::]:80",
		"::":                                  "::",
	} {
		if got := Inert(in); got != want {
			t.Errorf("Inert(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestInertJSON(t *testing.T) {
	for _, text := range []string{"##vso[x]", `\##[x]`, `"##"`, "###", "#", "a"} {
		encoded, _ := json.Marshal(text)
		inert := InertJSON(encoded)
		var got string
		if err := json.Unmarshal(inert, &got); err != nil || got != text || strings.Contains(string(inert), "##") {
			t.Errorf("InertJSON(%s) = %s: %q, %v", encoded, inert, got, err)
		}
	}
}
