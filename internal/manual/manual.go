// Package manual writes what kong does not: a program's man page, and the
// completion of its command line in bash, zsh and fish. Both come from the
// program's grammar.
package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A Section is a part of a man page that the grammar does not have.
type Section struct {
	Title string
	Rows  [][2]string // a term and its meaning
}

// Man writes the man page of a program in section 1, with the day of its last
// change (2006-01-02). A command with the tag bare may be left out.
func Man(w io.Writer, app *kong.Application, version, date string, more ...Section) error {
	var b strings.Builder
	name := roff(app.Name)
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"%s %s\" \"User Commands\"\n", strings.ToUpper(name), date, name, roff(version))
	purpose := strings.TrimSuffix(app.Help, ".")
	if first, rest, _ := strings.Cut(purpose, " "); strings.EqualFold(first, app.Name) {
		purpose = rest
	}
	fmt.Fprintf(&b, ".SH NAME\n%s.SH SYNOPSIS\n", filled(app.Name+" - "+purpose))
	for _, c := range commands(app) {
		if c.Tag.Has("bare") {
			fmt.Fprintf(&b, ".B %s\n%s\n.br\n", name, roff(synopsis(c)))
		}
	}
	for i, c := range commands(app) {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s %s\n%s\n", name, roff(c.Name), roff(synopsis(c)))
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s%s.SH COMMANDS\n", filled(app.Help), paragraphs(app.Detail))
	for _, c := range commands(app) {
		fmt.Fprintf(&b, ".SS %s %s %s\n%s%s", name, roff(c.Name), roff(synopsis(c)), filled(c.Help), paragraphs(c.Detail))
		for _, p := range c.Positional {
			term(&b, p.Summary(), p.Help)
		}
		for _, f := range flags(app, c) {
			term(&b, title(f), f.Help)
		}
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

func term(b *strings.Builder, name, meaning string) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s", roff(name), filled(meaning))
}

// filled is a text in lines of at most 78 bytes, which roff fills again.
func filled(text string) string {
	const most = 78
	var b strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(roff(line+" "+word)) > most {
			b.WriteString(roff(line) + "\n")
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return b.String() + roff(line) + "\n"
}

// synopsis is what follows a command's name.
func synopsis(c *kong.Node) string {
	text := "[flags]"
	for _, f := range c.Flags {
		if f.Required {
			text += " --" + f.Name + "=" + f.FormatPlaceHolder()
		}
	}
	for _, p := range c.Positional {
		text += " " + p.Summary()
	}
	return text
}

// title is a flag as a man page names it: -o, --output=FILE.
func title(f *kong.Flag) string {
	all := names(f)
	slices.Reverse(all)
	text := strings.Join(all, ", ")
	if takesValue(f) {
		text += "=" + f.FormatPlaceHolder()
	}
	return text
}

// paragraphs keeps the indented lines of a text as they are.
func paragraphs(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(".PP\n")
	indented := false
	for line := range strings.SplitSeq(strings.TrimSpace(text)+"\n", "\n") {
		if now := strings.HasPrefix(line, "  "); now != indented {
			indented = now
			b.WriteString(map[bool]string{true: ".PP\n.nf\n.RS\n", false: ".RE\n.fi\n.PP\n"}[now])
		}
		if line = strings.TrimSpace(line); line != "" && indented {
			b.WriteString(roff(line) + "\n")
		} else if line != "" {
			b.WriteString(filled(line))
		}
	}
	return strings.TrimSuffix(b.String(), ".PP\n")
}

// roff is a text as roff takes it (groff_char(7)), also at the beginning of a
// line, where a dot or a quote would be a request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "\n", " ").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// commands are those that are not hidden.
func commands(app *kong.Application) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(app.Children), func(c *kong.Node) bool { return c.Hidden })
}

// flags are --help and those of a command; the program's own are not repeated.
func flags(app *kong.Application, node *kong.Node) []*kong.Flag {
	all := []*kong.Flag{app.HelpFlag}
	for _, f := range node.Flags {
		if f != app.HelpFlag && !f.Hidden {
			all = append(all, f)
		}
	}
	return all
}

// names are how a flag may be written.
func names(f *kong.Flag) []string {
	if f.Short == 0 {
		return []string{"--" + f.Name}
	}
	return []string{"--" + f.Name, "-" + string(f.Short)}
}

// takesValue reports whether a value follows the flag.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }
