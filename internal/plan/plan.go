package plan

import (
	"io"
	"io/fs"
	"strconv"
	"time"

	"rollcall/internal/check"
)

// noURL is the warning of a plan without targets.
const noURL = "the event names no URL: nothing was checked"

// A Plan is what an event asks for.
type Plan struct {
	Targets   []check.Target // names are unique; in the event's order
	Metrics   string         // the profile: "group", "target" or "phases"; "" where the event names none
	Scheduled time.Time      // when the schedule meant the run to start, in UTC; zero if the event does not say
	Warnings  []string       // what is right but may not be meant
	Event     Shown          // what it was made of; nil where that was no event
}

// Inputs are what an event may refer to.
type Inputs struct {
	// Files holds what source may name. Whoever opens it sees to it that
	// there is no way out, as os.Root does. Nil: no source can be read.
	Files fs.FS

	// Lookup returns what an environment variable holds and whether it is
	// set, as os.LookupEnv does. Nil: none is set.
	Lookup func(name string) (string, bool)
}

// Parse reads an event, a JSON object, and the file that is its source. An
// error is always an [*InvalidEventError].
//
// A target whose URL or whose references are wrong is in the plan all the
// same, and says why in Invalid.
func Parse(data []byte, in Inputs) (*Plan, error) {
	ps := &problems{}
	r := newRoster(in, ps)
	e := readEvent(data, r.fields, ps)
	if e.source.present() {
		r.addSource(&e, in.Files)
	} else {
		r.begin(&e)
		r.addURLs(e.urls)
	}
	p, err := r.plan(&e)
	if err != nil {
		return nil, err
	}
	p.Event = data
	return p, nil
}

// ParseLines reads one URL a line, with the built-in defaults. Blank lines
// are skipped; # begins a comment at a line's start and after white space. A
// line of more than 64 KiB is an error, and so is what can't be read; an
// error is always an [*InvalidEventError].
func ParseLines(lines io.Reader) (*Plan, error) {
	e, r := event{}, newRoster(Inputs{}, &problems{})
	r.begin(&e)
	r.addLines("line ", lines)
	return r.plan(&e)
}

// ParseURLs makes a plan of URLs, with the built-in defaults. An error is
// always an [*InvalidEventError].
func ParseURLs(urls []string) (*Plan, error) {
	e, r := event{}, newRoster(Inputs{}, &problems{})
	r.begin(&e)
	for i, url := range urls {
		r.add(target{at: value{path: "URL " + strconv.Itoa(i+1), ps: r.ps}, url: url})
	}
	return r.plan(&e)
}
