package expect

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	// maxInstructions bounds a pattern's program. One of 2,000 bytes could
	// have a quarter of a million instructions.
	maxInstructions = 10_000

	// unstopped is how many steps a match may take between two looks at the
	// clock. A step is one instruction at one character and takes at most
	// some 20 ns, so this many take at most some 20 ms.
	unstopped = 1 << 20
)

// A pattern is the right side of matches. Go's regular expressions take time
// in proportion to the program times the text, which is much where a counted
// repetition stands in the middle.
type pattern struct {
	*regexp.Regexp
	instructions int
	prefix       string // with which every match begins
	complete     bool   // and ends
}

func compilePattern(source string) (*pattern, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if instructions(tree) > maxInstructions {
		return nil, fmt.Errorf("the pattern is too large: it repeats more than %d characters and groups", maxInstructions)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	p := &pattern{instructions: len(program.Inst)}
	p.prefix, p.complete = program.Prefix()
	p.Regexp, err = regexp.Compile(source)
	return p, err
}

// instructions estimates a pattern's program, before it takes memory.
func instructions(re *syntax.Regexp) int {
	n := 1
	for _, sub := range re.Sub {
		n += instructions(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpRepeat:
		return n * max(re.Min, re.Max, 1)
	}
	return n
}

// match reports whether text matches. It asks goOn now and again, and ends when
// that says no; then what it returns means nothing.
func (p *pattern) match(text string, goOn func() bool) bool {
	if len(text)*p.instructions <= unstopped {
		return p.MatchString(text)
	}
	// A reader hides from package regexp that it could search for the prefix.
	if p.prefix != "" {
		from := strings.Index(text, p.prefix)
		if from < 0 || p.complete {
			return from >= 0
		}
		text = text[from:]
	}
	return p.MatchReader(&reader{text: text, goOn: goOn, every: max(unstopped/p.instructions, 1)})
}

// A reader reads a text that ends when goOn says so, which is asked after every
// few characters.
type reader struct {
	text  string
	goOn  func() bool
	every int
	read  int
}

// ReadRune returns the next character of the text.
func (r *reader) ReadRune() (rune, int, error) {
	r.read++
	if r.text == "" || r.read%r.every == 0 && !r.goOn() {
		return 0, 0, errEnd
	}
	char, size := rune(r.text[0]), 1
	if char >= utf8.RuneSelf {
		char, size = utf8.DecodeRuneInString(r.text)
	}
	r.text = r.text[size:]
	return char, size, nil
}

// errEnd ends a match: package regexp takes any error for the text's end.
var errEnd = errors.New("no more text")
