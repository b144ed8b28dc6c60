package main

import (
	"strings"
	"testing"
)

func TestTerminalPage(t *testing.T) {
	for printed, want := range map[string]string{
		"plain <&>\r\n":                   "plain &lt;&amp;&gt;",
		"\x1b[1;31mdown\x1b[0m  x":        `<span class="c1 c31">down</span>  x`,
		"\x1b[31mdown\x1b[32mup\x1b[m":    `<span class="c31">down</span><span class="c32">up</span>`,
		"\x1b[2J\x1b[?25lnothing\x1b[?7h": "nothing",
	} {
		page := terminalPage("rollcall check <x>", printed)
		_, got, _ := strings.Cut(page, "rollcall check &lt;x&gt;\n")
		if got = strings.TrimSuffix(got, "</pre></div>"); got != want {
			t.Errorf("%q is shown as %q, want %q", printed, got, want)
		}
	}
}
