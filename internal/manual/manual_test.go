package manual

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// grammar has one of everything.
type grammar struct {
	Boil struct {
		Eggs   []string `arg:"" optional:"" name:"egg" help:"Which eggs."`
		Time   string   `short:"t" placeholder:"D" help:"How long; it's up to you: \"3m\" [or so]."`
		Size   string   `enum:"small,large" default:"large" help:"One of ${enum}."`
		Recipe string   `short:"r" placeholder:"FILE" help:"Read this."`
		Fast   bool     `help:".Soon"`
		Secret bool     `hidden:"" help:"Not for everybody."`
	} `cmd:"" help:"Boil eggs."`
	Read struct {
		File string `arg:"" help:"What to read."`
	} `cmd:"" help:"Read a recipe."`
	Serve struct {
		Way string `arg:"" enum:"soft,hard" help:"How."`
	} `cmd:"" help:"Serve eggs."`
	Hidden  struct{}         `cmd:"" hidden:"" help:"Not for everybody."`
	Version kong.VersionFlag `help:"Print the version."`
}

func kitchen() *kong.Application {
	parser, err := kong.New(&grammar{}, kong.Name("kitchen"), kong.Description("Kitchen boils eggs."))
	if err != nil {
		panic(err)
	}
	return parser.Model
}

func ExampleMan() {
	type egg struct {
		Boil struct {
			Time string `short:"t" placeholder:"D" help:"How long."`
		} `cmd:"" help:"Boil an egg."`
	}
	parser, err := kong.New(&egg{}, kong.Name("egg"), kong.Description("Egg boils."))
	if err == nil {
		err = Man(os.Stdout, parser.Model, "1.0", Section{"Exit status", [][2]string{{"0", "done"}}})
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// .TH EGG 1 "" "egg 1.0" "User Commands"
	// .SH NAME
	// egg \- boils
	// .SH SYNOPSIS
	// .B egg boil
	// [flags]
	// .SH DESCRIPTION
	// Egg boils.
	// .SH COMMANDS
	// .SS egg boil [flags]
	// Boil an egg.
	// .TP
	// .B \-h, \-\-help
	// Show context\-sensitive help.
	// .TP
	// .B \-t, \-\-time=D
	// How long.
	// .SH EXIT STATUS
	// .TP
	// .B 0
	// done
}

func TestManEscapes(t *testing.T) {
	var b strings.Builder
	if err := Man(&b, kitchen(), "1.0"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n\\&.Soon\n", `it's up to you: \(dq3m\(dq [or so].`, "\n.B \\-r, \\-\\-recipe=FILE\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "Not for everybody") {
		t.Error("it tells what is hidden")
	}
}

func TestParagraphs(t *testing.T) {
	var b strings.Builder
	paragraphs(&b, "One.\n\n  kept  as\n  it is\n\nTwo.")
	if want := ".PP\nOne.\n.PP\n.nf\n.RS\nkept  as\nit is\n.RE\n.fi\n.PP\nTwo.\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// complete is what bash makes of a line of words, the last of which is begun.
func complete(t *testing.T, dir string, typed ...string) []string {
	t.Helper()
	var script strings.Builder
	if err := Completion(&script, kitchen(), "bash"); err != nil {
		t.Fatal(err)
	}
	script.WriteString("COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n_kitchen\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
	cmd := exec.Command("bash", append([]string{"-c", script.String(), "bash", "kitchen"}, typed...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(out))
}

func TestBash(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "recipe.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"b":                   "boil",
		"":                    "boil read serve --help -h --version",
		"--v":                 "--version",
		"boil --s":            "--size",
		"boil --size ":        "small large",
		"boil --size l":       "large",
		"boil --size = s":     "small",
		"boil --size =":       "small large",
		"boil --recipe ":      "recipe.txt",
		"boil -r rec":         "recipe.txt",
		"boil --time ":        "",
		"boil --fast --ti":    "--time",
		"boil anegg --siz":    "--size",
		"serve ":              "--help -h soft hard",
		"serve h":             "hard",
		"read rec":            "recipe.txt",
		"--version boil --si": "--size",
	} {
		if got := strings.Join(complete(t, dir, strings.Split(typed, " ")...), " "); got != want {
			t.Errorf("%q is completed with %q, want %q", typed, got, want)
		}
	}
}

func TestOtherShells(t *testing.T) {
	for shell, want := range map[string][]string{
		"zsh": {
			"#compdef kitchen", "'boil:Boil eggs.'", `'(--time -t)--time[How long; it'\''s up to you\: "3m" \[or so\].]:time:()'`,
			"'(--size)--size[One of small,large.]:size:(small large)'", ":recipe:_files'", "'*:file:_files'", "'*:way:(soft hard)'",
		},
		"fish": {
			"complete -c kitchen -f", "-n __fish_use_subcommand -a boil -d 'Boil eggs.'", `-l time -s t -x -d 'How long; it\'s up to you: "3m" [or so].'`,
			"-l size -x -a 'small large'", "-l recipe -s r -r -F", "seen_subcommand_from read' -F", "seen_subcommand_from serve' -a 'soft hard'",
		},
	} {
		var b strings.Builder
		if err := Completion(&b, kitchen(), shell); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: no %s in\n%s", shell, w, &b)
			}
		}
		if strings.Contains(b.String(), "Not for everybody") {
			t.Errorf("%s tells what is hidden", shell)
		}
	}
}

func TestUnknownShell(t *testing.T) {
	var b strings.Builder
	if err := Completion(&b, kitchen(), "csh"); err == nil || b.Len() > 0 || !strings.Contains(err.Error(), "bash, zsh, fish") {
		t.Errorf("error %v, output %q", err, &b)
	}
	if !slices.Contains(Shells(), "fish") {
		t.Error("no fish")
	}
}
