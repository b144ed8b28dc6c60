package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A Section is a part of a man page that the grammar does not know of.
type Section struct {
	Title string
	Rows  [][2]string // a term and what it means
}

// Man writes the man page of a program in section 1.
func Man(w io.Writer, app *kong.Application, version string, more ...Section) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n", strings.ToUpper(roff(app.Name)), roff(app.Name+" "+version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(app.Name), roff(purpose(app)))
	b.WriteString(".SH SYNOPSIS\n")
	for i, c := range commands(app) {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n%s\n", roff(app.Name+" "+c.Name), line(synopsis(c)))
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", line(app.Help))
	paragraphs(&b, app.Detail)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range commands(app) {
		command(&b, app, c)
	}
	for _, s := range more {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(roff(s.Title)))
		for _, row := range s.Rows {
			term(&b, row[0], row[1])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// purpose is what the program does: its help without its name and the dot.
func purpose(app *kong.Application) string {
	text := strings.TrimSuffix(app.Help, ".")
	if first, rest, _ := strings.Cut(text, " "); strings.EqualFold(first, app.Name) {
		return rest
	}
	return text
}

// synopsis is what follows a command's name.
func synopsis(c *kong.Node) string {
	parts := []string{"[flags]"}
	for _, p := range c.Positional {
		parts = append(parts, p.Summary())
	}
	return strings.Join(parts, " ")
}

func command(b *strings.Builder, app *kong.Application, c *kong.Node) {
	fmt.Fprintf(b, ".SS %s\n%s\n", roff(app.Name+" "+c.Name+" "+synopsis(c)), line(c.Help))
	paragraphs(b, c.Detail)
	for _, p := range c.Positional {
		term(b, p.Summary(), p.Help)
	}
	for _, f := range flags(app, c) {
		term(b, title(f), f.Help)
	}
}

// title is a flag as a man page names it.
func title(f *kong.Flag) string {
	all := words(f)
	slices.Reverse(all)
	text := strings.Join(all, ", ")
	if takesValue(f) {
		text += "=" + f.FormatPlaceHolder()
	}
	return text
}

func term(b *strings.Builder, name, meaning string) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), line(meaning))
}

// paragraphs writes a text whose indented lines stay as they are.
func paragraphs(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	b.WriteString(".PP\n")
	kept := false
	for s := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		indented := strings.HasPrefix(s, "  ")
		switch {
		case indented && !kept:
			b.WriteString(".PP\n.nf\n.RS\n")
		case !indented && kept:
			b.WriteString(".RE\n.fi\n.PP\n")
		}
		kept = indented
		if s = strings.TrimSpace(s); s != "" {
			b.WriteString(line(s) + "\n")
		}
	}
	if kept {
		b.WriteString(".RE\n.fi\n")
	}
}

// line is a text that begins a line: a dot or a quote there would be a
// request.
func line(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + roff(s)
	}
	return roff(s)
}

// roff is a text as roff takes it (groff_char(7)).
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "\n", " ").Replace(s)
}
