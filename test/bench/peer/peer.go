// Package peer is what the bench's own peers have in common: how they take
// their list, how many they check at once, and the line that each check
// becomes.
package peer

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Check is what a client says of one URL.
type Check struct {
	URL      string
	Failure  string        // why it failed; "" if it did not
	Duration time.Duration // of all of it, by the client's own account
	First    time.Duration // from the request to the response's first byte; 0 if the client does not report it
}

// String returns the check as a line without its end: URL, "ok" or the
// failure, duration and first byte in milliseconds, with tabs between.
func (c Check) String() string {
	verdict := "ok"
	if c.Failure != "" {
		verdict = strings.Map(oneLine, c.Failure)
	}
	return strings.Join([]string{c.URL, verdict, milliseconds(c.Duration), milliseconds(c.First)}, "\t")
}

// oneLine keeps a failure in its column.
func oneLine(r rune) rune {
	if r == '\t' || r == '\n' || r == '\r' {
		return ' '
	}
	return r
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 4, 64)
}

// Parse reads a line that String, or a peer in another language, has written.
func Parse(line string) (Check, error) {
	columns := strings.Split(line, "\t")
	if len(columns) != 4 {
		return Check{}, fmt.Errorf("%q has %d columns, not 4", line, len(columns))
	}
	c := Check{URL: columns[0]}
	if columns[1] != "ok" {
		c.Failure = columns[1]
	}
	for i, d := range []*time.Duration{&c.Duration, &c.First} {
		ms, err := strconv.ParseFloat(columns[2+i], 64)
		if err != nil {
			return Check{}, fmt.Errorf("%q: %w", line, err)
		}
		*d = time.Duration(ms * float64(time.Millisecond))
	}
	return c, nil
}

// Main is the program of a peer: it checks every URL of the file -urls, as many
// at once as -in-flight says, and writes a line for each to standard output.
// More flags may be defined before.
func Main(check func(url string) Check) {
	urls := flag.String("urls", "", "file with a URL a line")
	inFlight := flag.Int("in-flight", 1, "checks at once")
	flag.Parse()
	list, err := os.ReadFile(*urls)
	if err == nil {
		err = Pool(os.Stdout, strings.Fields(string(list)), *inFlight, check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Pool checks URLs, inFlight at once, and writes a line for each as it ends.
func Pool(w io.Writer, urls []string, inFlight int, check func(url string) Check) error {
	out := bufio.NewWriter(w)
	var mu sync.Mutex // guards out
	next := make(chan string)
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for url := range next {
				c := check(url)
				mu.Lock()
				fmt.Fprintln(out, c)
				mu.Unlock()
			}
		})
	}
	for _, url := range urls {
		next <- url
	}
	close(next)
	workers.Wait()
	return out.Flush()
}
