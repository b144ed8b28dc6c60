package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that Completion knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion writes what makes a shell complete the words of a program. It is
// made once, from the grammar: no key that is pressed starts the program.
func Completion(w io.Writer, app *kong.Application, shell string) error {
	write, ok := map[string]func(*kong.Application) string{"bash": bash, "zsh": zsh, "fish": fish}[shell]
	if !ok {
		return fmt.Errorf("there is no completion for %q, only for %s", shell, strings.Join(Shells(), ", "))
	}
	_, err := io.WriteString(w, write(app))
	return err
}

// fill replaces what stands in braces in a template of a script.
func fill(template string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(template)
}

const bashScript = `# bash completion for {name}
_{name}() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= i
	if [[ $cur == = ]]; then # --flag=
		cur=
	elif [[ $prev == = ]]; then # --flag=value
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		{commands}) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	COMPREPLY=()
	case $command:$prev in
{values}	esac
	case $command in
	'') words='{top}' ;;
{words}	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	case $command in
{files}	esac
}
complete -F _{name} {name}
`

func bash(app *kong.Application) string {
	var names, values, lists, files []string
	for _, c := range commands(app) {
		names = append(names, c.Name)
		var all []string
		for _, f := range flags(app, c) {
			all = append(all, words(f)...)
			if takesValue(f) {
				values = append(values, "\t"+c.Name+":"+strings.Join(words(f), "|"+c.Name+":")+") "+bashValue(flagWants(f))+"return ;;\n")
			}
		}
		w := argumentWants(c)
		lists = append(lists, fmt.Sprintf("\t%s) words='%s' ;;\n", c.Name, strings.Join(append(all, w.choices...), " ")))
		if w.file {
			files = append(files, "\t"+c.Name+") COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n")
		}
	}
	top := append([]string{}, names...)
	for _, f := range flags(app, app.Node) {
		top = append(top, words(f)...)
	}
	return fill(bashScript, "{name}", app.Name, "{commands}", strings.Join(names, "|"), "{top}", strings.Join(top, " "),
		"{values}", strings.Join(values, ""), "{words}", strings.Join(lists, ""), "{files}", strings.Join(append(files, "\t*) ;;\n"), ""))
}

func bashValue(w want) string {
	switch {
	case w.file:
		return `COMPREPLY=($(compgen -f -- "$cur")); `
	case len(w.choices) > 0:
		return fmt.Sprintf(`COMPREPLY=($(compgen -W '%s' -- "$cur")); `, strings.Join(w.choices, " "))
	}
	return ""
}

const zshScript = `#compdef {name}
# zsh completion for {name}
_{name}() {
	local context state state_descr line
	typeset -A opt_args
	_arguments -C {top} '1:command:->command' '*::argument:->argument'
	case $state in
	command)
		local -a commands
		commands=({commands})
		_describe command commands
		;;
	argument)
		case $words[1] in
{arguments}		esac
		;;
	esac
}
if [[ $funcstack[1] == _{name} ]]; then
	_{name} "$@"
else
	compdef _{name} {name}
fi
`

func zsh(app *kong.Application) string {
	var names, arguments []string
	for _, c := range commands(app) {
		names = append(names, quoted(c.Name+":"+strings.ReplaceAll(c.Help, ":", `\:`)))
		specs := zshFlags(app, c)
		if len(c.Positional) > 0 {
			specs = append(specs, quoted("*:"+c.Positional[0].Name+":"+zshValue(argumentWants(c))))
		}
		arguments = append(arguments, "\t\t"+c.Name+") _arguments "+strings.Join(specs, " ")+" ;;\n")
	}
	return fill(zshScript, "{name}", app.Name, "{top}", strings.Join(zshFlags(app, app.Node), " "),
		"{commands}", strings.Join(names, " "), "{arguments}", strings.Join(arguments, ""))
}

func zshFlags(app *kong.Application, node *kong.Node) []string {
	var specs []string
	for _, f := range flags(app, node) {
		help := "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(f.Help) + "]"
		for _, word := range words(f) {
			spec := word + help
			if takesValue(f) {
				spec += ":" + f.Name + ":" + zshValue(flagWants(f))
			}
			specs = append(specs, quoted("("+strings.Join(words(f), " ")+")"+spec))
		}
	}
	return specs
}

func zshValue(w want) string {
	switch {
	case w.file:
		return "_files"
	case len(w.choices) > 0:
		return "(" + strings.Join(w.choices, " ") + ")"
	}
	return "()" // nothing; a blank would let zsh show flags and not put them in
}

// quoted is a word of zsh's, whatever it holds.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func fish(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %[1]s\ncomplete -c %[1]s -f\n", app.Name)
	for _, f := range flags(app, app.Node) {
		fishFlag(&b, app.Name, "__fish_use_subcommand", f)
	}
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", app.Name, c.Name, fishQuoted(c.Help))
		there := fishQuoted("__fish_seen_subcommand_from " + c.Name)
		for _, f := range flags(app, c) {
			fishFlag(&b, app.Name, there, f)
		}
		if w := argumentWants(c); w.file {
			fmt.Fprintf(&b, "complete -c %s -n %s -F\n", app.Name, there)
		} else if len(w.choices) > 0 {
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s\n", app.Name, there, fishQuoted(strings.Join(w.choices, " ")))
		}
	}
	return b.String()
}

func fishFlag(b *strings.Builder, program, when string, f *kong.Flag) {
	fmt.Fprintf(b, "complete -c %s -n %s -l %s", program, when, f.Name)
	if f.Short != 0 {
		fmt.Fprintf(b, " -s %c", f.Short)
	}
	if w := flagWants(f); takesValue(f) && w.file {
		b.WriteString(" -r -F")
	} else if takesValue(f) {
		b.WriteString(" -x")
		if len(w.choices) > 0 {
			b.WriteString(" -a " + fishQuoted(strings.Join(w.choices, " ")))
		}
	}
	fmt.Fprintf(b, " -d %s\n", fishQuoted(f.Help))
}

// fishQuoted is a word of fish's, whatever it holds.
func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
