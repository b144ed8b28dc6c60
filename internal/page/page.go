// Package page shows a summary as one HTML page that people send each other:
// a file without anything loaded from elsewhere, which works without
// JavaScript too. The same summary always gives the same bytes.
package page

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"sync"

	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

const (
	// mostRows is how many targets a page shows, what is wrong first: with
	// more of them it would be too heavy to open.
	mostRows = 10_000
	// mostUnfolded is how many of them unfold to all that is known of them.
	mostUnfolded = 250
	// perPart is how many rows are laid out together: a browser leaves the
	// parts alone that are not on the screen.
	perPart = 50
	// mostBytes ends the list early where names and details are very long.
	mostBytes = 6 << 20
)

var (
	//go:embed page.html
	markup string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

// parsed is the template. It is parsed at its first use: most invocations write
// no page.
var parsed = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"count": text.Count, "plural": text.Plural, "code": code, "plain": plain, "lines": printableLines,
	}).Parse(markup))
})

// Write writes the page of a summary. Its errors are w's. Of more than 10,000
// results it shows the first ones in the order of what a reader has to see
// first, and says so.
func Write(w io.Writer, s *monitor.Summary) error {
	counted := &counter{w: w}
	buffered := bufio.NewWriterSize(counted, 64<<10)
	p := newView(s)
	p.full = func() bool { return counted.n+buffered.Buffered() > mostBytes }
	if err := parsed().Execute(buffered, p); err != nil {
		return err
	}
	return buffered.Flush()
}

// A counter counts what went through it.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}

// Policy is the page's Content-Security-Policy: nothing is loaded and nothing
// is sent; the one style and the one script are known by their hashes.
func (view) Policy() string {
	return "default-src 'none'; img-src data:; style-src " + hash(style) + "; script-src " + hash(script) +
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Style is the page's style sheet.
func (view) Style() template.CSS { return template.CSS(style) }

// Script is the page's script.
func (view) Script() template.JS { return template.JS(script) }
