package main

import (
	"html"
	"regexp"
	"strings"
)

// terminalPage shows what a command printed as a terminal does: the colours of
// its escapes, all others left out.
func terminalPage(command, printed string) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><meta charset=utf-8><style>` + terminalStyle + `</style><div><pre><i>$</i> ` + html.EscapeString(command) + "\n")
	printed = strings.TrimRight(strings.ReplaceAll(printed, "\r\n", "\n"), "\n")
	open, at := false, 0
	for _, found := range escape.FindAllStringSubmatchIndex(printed, -1) {
		b.WriteString(html.EscapeString(printed[at:found[0]]))
		at = found[1]
		if printed[found[4]:found[5]] != "m" {
			continue
		}
		if open {
			b.WriteString("</span>")
		}
		classes := classesOf(printed[found[2]:found[3]])
		if open = classes != ""; open {
			b.WriteString(`<span class="` + classes + `">`)
		}
	}
	b.WriteString(html.EscapeString(printed[at:]) + "</pre></div>")
	return b.String()
}

// escape is a control sequence: its parameters, and what it is for.
var escape = regexp.MustCompile("\x1b\\[([0-9;?]*)([A-Za-z])")

// classesOf are the classes of the parameters that change how text looks; none
// of those that reset it.
func classesOf(parameters string) string {
	var classes []string
	for p := range strings.SplitSeq(parameters, ";") {
		if p != "" && strings.Trim(p, "0") != "" {
			classes = append(classes, "c"+p)
		}
	}
	return strings.Join(classes, " ")
}

const terminalStyle = `
	body { margin: 0; background: #fff; }
	div { display: inline-block; min-width: 100%; box-sizing: border-box; padding: 18px 22px; background: #16191d; }
	pre { margin: 0; color: #d5d9de; font: 14px/1.5 "DejaVu Sans Mono", "Liberation Mono", monospace; }
	i { font-style: normal; color: #7fcf9c; }
	.c1 { font-weight: bold; } .c2 { color: #949ca5; } .c4 { text-decoration: underline; }
	.c31, .c91 { color: #ff8f85; } .c32, .c92 { color: #7fcf9c; } .c33, .c93 { color: #e8b85a; } .c34, .c94 { color: #7fb0ea; }
	.c35, .c95 { color: #c7a5ee; } .c36, .c96 { color: #6cc7c9; } .c37, .c97 { color: #eceff2; } .c90 { color: #949ca5; }`
