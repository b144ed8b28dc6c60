package manual

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// scripts make a shell ask the program at each TAB: its hidden command
// __complete is to call Complete with the words typed so far.
var scripts = map[string]string{
	"bash": `# bash completion for NAME
_NAME() {
	local cur=${COMP_WORDS[COMP_CWORD]} word help IFS=$'\n'
	[[ $cur == = ]] && cur= # --flag=
	COMPREPLY=()
	while IFS=$'\t' read -r word help; do
		if [[ $word == : ]]; then
			compopt -o filenames 2>/dev/null
			COMPREPLY+=($(compgen -f -- "$cur"))
		elif [[ $word == "$cur"* ]]; then
			COMPREPLY+=("$word")
		fi
	done < <(command NAME __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _NAME NAME
`,
	"zsh": `#compdef NAME
_NAME() {
	local line
	local -a lines
	lines=("${(@f)$(command NAME __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	compset -P '--*='
	(( ${lines[(Ie):]} )) && _files
	lines=("${(@)${(@)lines:#(|:)}/$'\t'/:}")
	_describe NAME lines
}
if [[ $funcstack[1] == _NAME ]]; then
	_NAME "$@"
else
	compdef _NAME NAME
fi
`,
	"fish": `# fish completion for NAME
function __NAME_complete
	set -l token (commandline -ct)
	set -l flag (string match -r -- '^--[^=]*=' "$token")
	for line in (command NAME __complete (commandline -opc)[2..] "$token" 2>/dev/null)
		if test "$line" = :
			printf '%s\n' "$flag"(__fish_complete_path (string replace -- "$flag" '' "$token"))
		else
			printf '%s\n' "$flag$line"
		end
	end
end
complete -c NAME -f -a '(__NAME_complete)'
`,
}

// Completion writes what makes a shell, bash, zsh or fish, complete the words
// of a program.
func Completion(w io.Writer, program, shell string) error {
	script, ok := scripts[shell]
	if !ok {
		return fmt.Errorf("no completion for %q, only for bash, zsh and fish", shell)
	}
	_, err := io.WriteString(w, strings.ReplaceAll(script, "NAME", program))
	return err
}

// Complete writes what can stand in place of the last of the words that follow
// the program's name: a line each, with a tab and its help if it has any; a
// colon alone stands for the names of files. The shells choose what begins with
// what was typed.
func Complete(w io.Writer, app *kong.Application, words []string) error {
	before, typed := []string{app.Name}, ""
	if last := len(words) - 1; last >= 0 {
		before, typed = append(before, words[:last]...), words[last]
	}
	node := commandOf(app, before[1:])
	previous := before[len(before)-1]
	if flag, _, ok := strings.Cut(typed, "="); ok && flag != "" {
		previous = flag // --flag=value; bash makes three words of it
	} else if typed != "=" && previous == "=" {
		previous = before[max(0, len(before)-2)]
	}
	var lines []string
	for _, f := range flags(app, node) {
		switch names := names(f); {
		case takesValue(f) && slices.Contains(names, previous):
			_, err := io.WriteString(w, strings.Join(values(f.Value, f.PlaceHolder), ""))
			return err
		case f.IsSlice() || !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(before, name) }):
			for _, name := range names {
				lines = append(lines, name+"\t"+f.Help+"\n")
			}
		}
	}
	if !strings.HasPrefix(typed, "-") {
		var other []string
		if node == app.Node {
			for _, c := range commands(app) {
				other = append(other, c.Name+"\t"+c.Help+"\n")
				if c.Tag.Has("bare") {
					node = c // its arguments may stand here, too
				}
			}
		}
		for _, p := range node.Positional {
			other = append(other, values(p, p.Name)...)
		}
		if len(other) > 0 {
			lines = other
		}
	}
	_, err := io.WriteString(w, strings.Join(lines, ""))
	return err
}

// commandOf is the command that words begin with, flags of the program left out.
// Another word is of the command that may be left out, if there is one; without
// any it is the program.
func commandOf(app *kong.Application, words []string) *kong.Node {
	for _, word := range words {
		if strings.HasPrefix(word, "-") && len(words) > 1 && slices.ContainsFunc(flags(app, app.Node), func(f *kong.Flag) bool { return slices.Contains(names(f), word) }) {
			continue
		}
		bare := app.Node
		for _, c := range commands(app) {
			if c.Name == word {
				return c
			}
			if c.Tag.Has("bare") {
				bare = c
			}
		}
		return bare
	}
	return app.Node
}

// values are the lines of Complete for what a flag or an argument takes.
func values(v *kong.Value, name string) []string {
	if strings.EqualFold(name, "file") {
		return []string{":\n"}
	}
	words := cmp.Or(v.Enum, v.Tag.Get("complete")) // the tag: where not only these are right
	if words == "" {
		return nil
	}
	return strings.SplitAfter(strings.ReplaceAll(words, ",", "\n")+"\n", "\n")
}
