// Package manual writes what a program of kong's grammar says of itself
// elsewhere than in --help: its man page, and the completion of its words in a
// shell. All of it is made from the grammar, so that none of it can be behind.
package manual

import (
	"strings"

	"github.com/alecthomas/kong"
)

// commands are those that people may know of.
func commands(app *kong.Application) []*kong.Node {
	var all []*kong.Node
	for _, c := range app.Children {
		if !c.Hidden {
			all = append(all, c)
		}
	}
	return all
}

// flags are those of a command, with --help; a flag of the whole program is
// not repeated.
func flags(app *kong.Application, node *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	if app.HelpFlag != nil {
		all = append(all, app.HelpFlag)
	}
	for _, f := range node.Flags {
		if !f.Hidden && f != app.HelpFlag {
			all = append(all, f)
		}
	}
	return all
}

// words are how a flag may be written.
func words(f *kong.Flag) []string {
	all := []string{"--" + f.Name}
	if f.Short != 0 {
		all = append(all, "-"+string(f.Short))
	}
	return all
}

// A want is what a flag or an argument takes for its value.
type want struct {
	choices []string // one of them; nil: anything
	file    bool
}

// wanted is what v takes.
func wanted(v *kong.Value, placeholder string) want {
	w := want{file: strings.EqualFold(placeholder, "file") || v.Tag != nil && strings.Contains(v.Tag.Type, "file")}
	if v.Enum != "" {
		w.choices = strings.Split(v.Enum, ",")
	}
	return w
}

// takesValue reports whether a word follows the flag.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// flagWants is what a flag takes.
func flagWants(f *kong.Flag) want { return wanted(f.Value, f.PlaceHolder) }

// argumentWants is what a command's arguments take.
func argumentWants(node *kong.Node) (w want) {
	for _, p := range node.Positional {
		one := wanted(p, p.Name)
		w.choices = append(w.choices, one.choices...)
		w.file = w.file || one.file
	}
	return w
}
