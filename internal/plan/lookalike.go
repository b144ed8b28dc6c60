package plan

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"rollcall/internal/text"
	"rollcall/internal/weburl"
)

// A lookalike is what a text has that is hardly meant as a part of one URL: it
// comes from a list of another form, or from a document. Browsers take most of
// them all the same, and so does readURL: another URL than the one that was meant
// would be checked, and nobody would notice.
type lookalike struct {
	in       func(text string) bool
	words    string // what the text does, and what to do
	explains bool   // why the text is invalid, if it is
}

// lookalikes are those of one text, the first that is in it counts.
var lookalikes = []lookalike{
	{func(s string) bool { return strings.ContainsFunc(s, invisible) },
		"has an invisible character, such as a zero-width or a no-break space, that becomes a part of the URL (type the URL again)", true},
	{matching("^[\"'`“”„«»‘’<(\\[{]"),
		"begins with a quotation mark or a bracket (write the URL alone)", true},
	{matching(`^([-*+•·]|\d+[.)])[ \t]`),
		"begins with the mark of a list (write the URL alone)", true},
	{func(s string) bool { return beforeNextURL(s) == 1 },
		"has more than one URL (write each on its own)", true},
	{func(s string) bool { return beforeNextURL(s) == 0 },
		"has other columns before the URL (write the URL alone)", true},
	{matching(`(?i)^https?:.*[,;|"'<>]$`),
		"ends in a comma, a semicolon, a quotation mark or the like, which becomes a part of the URL (write the URL alone; percent-encode what is meant)", true},
	{matching(`(?i)^https?:.*\s`),
		"has white space within: blanks become %20, tabs and line feeds are dropped (write the URL alone; %20 is a blank that is meant)", false},
}

// invisible reports whether r looks like nothing, or like the plain blank that it
// is not.
func invisible(r rune) bool {
	return r > unicode.MaxASCII && (unicode.Is(unicode.Cf, r) || unicode.IsSpace(r))
}

// matching is whether a text matches a pattern, which is compiled when it is first
// needed: the function's start has no time for it.
func matching(pattern string) func(text string) bool {
	compiled := text.Pattern(pattern)
	return func(text string) bool { return compiled().MatchString(text) }
}

var nextURL = text.Pattern(`(?i)[,;|\s]\s*["'<]?https?://`)

// beforeNextURL counts the URLs before one that stands behind a separator; -1: there
// is none. A third may be a part of the second, as in a query.
func beforeNextURL(text string) int {
	next := nextURL().FindStringIndex(text)
	if next == nil {
		return -1
	}
	return strings.Count(text[:next[0]], "://")
}

// ordinary reports whether a text has no lookalike, as nearly all have none.
func ordinary(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ', c > '~', c == ',', c == ';', c == '|', c == '"', c == '\'', c == '<', c == '>':
			return false
		}
	}
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") // not httpbin.example
}

// separators are of the columns of a table.
const separators = ",;|"

// What the lines of a list have in common.
const (
	noScheme = "has no scheme (write https:// before it)"
	columns  = "every line has a %q, as in CSV, which becomes a part of the URL (write one URL a line; percent-encode what is meant)"
	hasATab  = "has a tab (write one URL a line, without other columns)"
)

// sightings are where the texts of a list look like something else.
type sightings struct {
	texts      int
	schemeless int                  // texts that are hosts
	separated  [len(separators)]int // texts with each of separators
	byWords    map[string]*sighting
	order      []*sighting
}

// A sighting is one lookalike, and where it is.
type sighting struct {
	words string
	first []string // paths, at most mostPlaces
	count int
}

const (
	mostPlaces    = 3  // paths that a warning names
	mostSightings = 50 // warnings; all others are one more
	otherwise     = "can't be checked for other reasons"
)

// note looks at a text at path, in which readURL has found invalid. It returns
// why the text is invalid, which may be another reason. line: it is of a list.
func (s *sightings) note(path, text string, line bool, invalid error) error {
	s.texts++
	if ordinary(text) {
		return invalid
	}
	for i := range separators {
		if strings.IndexByte(text, separators[i]) >= 0 {
			s.separated[i]++
		}
	}
	text = strings.TrimSpace(text)
	for _, l := range lookalikes {
		if !l.in(text) {
			continue
		}
		s.add(path, l.words)
		switch {
		case line && strings.Contains(text, "\t"):
			return errors.New(hasATab)
		case invalid != nil && l.explains:
			return errors.New(l.words)
		}
		return invalid
	}
	switch {
	case !line || invalid == nil:
	case errors.Is(invalid, weburl.ErrNoScheme):
		s.add(path, noScheme)
		s.schemeless++
	default:
		s.add(path, invalid.Error())
	}
	return invalid
}

func (s *sightings) add(path, words string) {
	seen := s.byWords[words]
	if seen == nil && len(s.order) == mostSightings {
		words = otherwise
		seen = s.byWords[words]
	}
	if seen == nil {
		if s.byWords == nil {
			s.byWords = map[string]*sighting{}
		}
		seen = &sighting{words: words}
		s.byWords[words] = seen
		s.order = append(s.order, seen)
	}
	if seen.count++; seen.count <= mostPlaces {
		seen.first = append(seen.first, strings.TrimSuffix(path, placeEnd))
	}
}

// warnings says each lookalike once, and where it is. lines: the texts are those of
// a list.
func (s *sightings) warnings(lines bool) []string {
	var all []string
	seen := 0
	for _, one := range s.order {
		if one.words != noScheme {
			seen += one.count
		}
		where := strings.Join(one.first, ", ")
		if left := one.count - len(one.first); left > 0 {
			where = fmt.Sprintf("%s and %s more", where, text.Count(left))
		}
		all = append(all, where+": "+one.words)
	}
	for i, n := range s.separated {
		if lines && n > 0 && n == s.texts && seen < s.texts && (n > 1 || separators[i] == ',') {
			all = append(all, fmt.Sprintf(columns, separators[i:i+1]))
		}
	}
	return all
}
