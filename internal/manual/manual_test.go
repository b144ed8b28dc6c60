package manual

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		Salt   string   `required:"" placeholder:"PINCH" complete:"little,much" help:"A very long sentence that says, for whoever reads it, how much salt there has to be in the water."`
	} `cmd:"" bare:"" help:"Boil eggs."`
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
		err = Man(os.Stdout, parser.Model, "1.0", "2026-11-30", Section{"Exit status", [][2]string{{"0", "done"}}})
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// .TH EGG 1 "2026-11-30" "egg 1.0" "User Commands"
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
	if err := Man(&b, kitchen(), "1.0", "2026-11-30"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n\\&.Soon\n", `it's up to you: \(dq3m\(dq [or so].`, "\n.B \\-r, \\-\\-recipe=FILE\n",
		".SH SYNOPSIS\n.B kitchen\n[flags] \\-\\-salt=PINCH [<egg> ...]\n.br\n.B kitchen boil\n[flags] \\-\\-salt=PINCH [<egg> ...]\n.br\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "Not for everybody") {
		t.Error("it tells what is hidden")
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > 80 {
			t.Errorf("a line of %d bytes: %s", len(line)-1, line)
		}
	}
}

func TestParagraphs(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"One.\n\n  kept  as\n  it is\n\nTwo.": ".PP\nOne.\n.PP\n.nf\n.RS\nkept  as\nit is\n.RE\n.fi\n.PP\nTwo.\n",
		"One.\n\n  last":                      ".PP\nOne.\n.PP\n.nf\n.RS\nlast\n.RE\n.fi\n",
	} {
		if got := paragraphs(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// complete is what bash makes of a line of words, the last of which is begun.
func complete(t *testing.T, dir string, typed ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "kitchen")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	var script strings.Builder
	if err := Completion(&script, "kitchen", "bash"); err != nil {
		t.Fatal(err)
	}
	script.WriteString("COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n_kitchen\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
	cmd := exec.Command("bash", append([]string{"-c", script.String(), "bash", "kitchen"}, typed...)...)
	cmd.Dir = filepath.Join(dir, "recipes")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestMain makes this executable the kitchen when a script calls it so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "kitchen" {
		if err := Complete(os.Stdout, kitchen(), os.Args[2:]); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestBash(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "recipes"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "recipes", "my recipe.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"b":                   "boil",
		"":                    "boil read serve",
		"x":                   "",
		"-":                   "--help -h --version",
		"--v":                 "--version",
		"boil --s":            "--size --salt",
		"boil --size ":        "small large",
		"boil --size l":       "large",
		"boil --size = s":     "small",
		"boil --size =":       "small large",
		"boil --recipe ":      "my recipe.txt",
		"boil -r my":          "my recipe.txt",
		"boil --recipe = my":  "my recipe.txt",
		"boil --time ":        "",
		"boil ":               "--help -h --time -t --size --recipe -r --fast --salt",
		"boil --fast --":      "--help --time --size --recipe --salt",
		"boil -t 3m -":        "--help -h --size --recipe -r --fast --salt",
		"boil --salt ":        "little much",
		"anegg --ti":          "--time",
		"anegg --size ":       "small large",
		"serve boil --s":      "",
		"boil anegg --siz":    "--size",
		"serve ":              "soft hard",
		"serve h":             "hard",
		"serve -":             "--help -h",
		"read my":             "my recipe.txt",
		"--version boil --si": "--size",
		"hidden --":           "--help --time --size --recipe --fast --salt", // an egg of that name
	} {
		if got := strings.Join(complete(t, dir, strings.Split(typed, " ")...), " "); got != want {
			t.Errorf("%q is completed with %q, want %q", typed, got, want)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{nil, "boil\tBoil eggs.\nread\tRead a recipe.\nserve\tServe eggs.\n"},
		{[]string{"--ver"}, "--help\tShow context-sensitive help.\n-h\tShow context-sensitive help.\n--version\tPrint the version.\n"},
		{[]string{"bo"}, "boil\tBoil eggs.\nread\tRead a recipe.\nserve\tServe eggs.\n"},
		{[]string{"boil", "--size=l"}, "small\nlarge\n"},
		{[]string{"boil", "--recipe=/"}, ":\n"},
		{[]string{"boil", "-r", ""}, ":\n"},
		{[]string{"boil", "="}, ""},
		{[]string{"=", "="}, ""},
	} {
		var b strings.Builder
		if err := Complete(&b, kitchen(), tt.words); err != nil || tt.want != "" && b.String() != tt.want {
			t.Errorf("%q: %q, want %q", tt.words, &b, tt.want)
		}
	}
}

func TestUnknownShell(t *testing.T) {
	var b strings.Builder
	if err := Completion(&b, "kitchen", "csh"); err == nil || b.Len() > 0 || !strings.Contains(err.Error(), "bash, zsh and fish") {
		t.Errorf("error %v, output %q", err, &b)
	}
}
