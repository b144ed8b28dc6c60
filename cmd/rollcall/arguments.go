package main

import (
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"rollcall/internal/text"
)

// A commandLine is the arguments as the grammar has them.
type commandLine struct {
	words []string
	bare  bool   // no command was named: what there is to check is
	typo  string // the first word, which may be a command's name that was mistyped; "": it is not
}

// word is what a command's name looks like.
var word = text.Pattern(`^[a-z]+$`)

// readArguments brings what people type into the grammar's form: without
// arguments it is help, and what begins with no command's name is to be checked.
func readArguments(args []string, app *kong.Application) commandLine {
	if len(args) == 0 {
		return commandLine{words: []string{"--help"}}
	}
	switch first := args[0]; {
	case first == "help":
		return commandLine{words: append(slices.Clone(args[1:]), "--help")}
	case first == "version" || first == "-V":
		return commandLine{words: append([]string{"--version"}, args[1:]...)}
	case isCommand(app, first), slices.Contains([]string{"-h", "--help", "-v", "--version"}, first):
		return commandLine{words: args}
	case first != "localhost" && word().MatchString(first) && !exists(first):
		return commandLine{append([]string{"check"}, args...), true, first}
	}
	return commandLine{words: append([]string{"check"}, args...), bare: true}
}

// commandOf is the command that a command line names; "" if none.
func (l commandLine) commandOf(app *kong.Application) string {
	if len(l.words) > 0 && isCommand(app, l.words[0]) {
		return l.words[0]
	}
	return ""
}

func isCommand(app *kong.Application, name string) bool {
	return slices.ContainsFunc(app.Children, func(c *kong.Node) bool { return c.Name == name })
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// meant is the end of an error that kong has for a word that is like a command;
// "" if it is like none. version is a command of readArguments.
func meant(parser *kong.Kong, word string) string {
	type ours struct {
		Version struct{} `cmd:""`
	}
	for _, names := range []*kong.Kong{parser, kong.Must(&ours{})} {
		if _, err := names.Parse([]string{word}); err != nil {
			if _, hint, ok := strings.Cut(err.Error(), ", did you mean "); ok {
				return strings.TrimSuffix(hint, "?")
			}
		}
	}
	return ""
}
