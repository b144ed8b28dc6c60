// Package list reads what people have lists of URLs in: text, JSON, YAML, CSV
// and sitemaps, compressed or not, in UTF-8 or UTF-16. [Open] finds out what it
// is. Then a [Reader] returns a document, of a format that has structure, or
// the entries, of one that has lines, one after the other with their lines.
//
// Whatever is read, memory is bounded: lines, documents and the whole have a
// maximum size, also decompressed.
package list

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/net/html/charset"

	"rollcall/internal/text"
	"rollcall/internal/weburl"
)

// The largest lists. What is larger has a fault that says so.
const (
	MaxLine     = 64 << 10   // bytes of a line with its end: eight times what servers commonly take as a URL
	MaxLines    = 10_000_000 // lines of a list
	MaxBytes    = 1 << 30    // bytes of a list, decompressed or not
	MaxDocument = 64 << 20   // bytes of a document: ten times what Lambda takes as an event
	maxYAML     = 16 << 20   // bytes of a document in YAML, whose nodes take twenty times the memory
)

// Options say how a list is read.
type Options struct {
	// Name is that of the file. Its ending says the format; what has no known
	// ending, such as standard input with the name "", is known by its content.
	Name string

	// HTTPS puts https:// before hosts that have no scheme. The reader leaves
	// that to its user: see [WithScheme].
	HTTPS bool

	// Fetch opens a sitemap that another one names. Nil: such an index is
	// refused.
	Fetch func(ctx context.Context, url string) (io.ReadCloser, error)

	// Index and Of choose a part of a list: every Of-th entry, beginning with
	// the one at Index, counted from 0. Of 0: all.
	Index, Of int

	// Written is called with each entry that names itself or its group, also with
	// those of other parts; row is a hash of all that it says, by a seed that each
	// process chooses itself. Nil: not wanted.
	Written func(name, group []byte, row uint64)
}

// has reports whether the entry of a number, counted from 0, is of the part.
func (o *Options) has(number int) bool { return o.Of == 0 || number%o.Of == o.Index }

// A Format is one in which lists are written.
type Format uint8

// The formats. JSON and YAML are documents, the others have entries.
const (
	Text      Format = iota // one URL a line
	JSON                    // an event, or an array
	YAML                    // the same in YAML
	JSONLines               // a JSON value a line
	CSV                     // columns, with or without a header
	Sitemap                 // XML
)

// Document reports whether a list of this format is one value, for
// [Reader.Document]. All others have entries.
func (f Format) Document() bool { return f == JSON || f == YAML }

// endings are the formats of files by the endings of their names.
var endings = map[string]Format{
	".json": JSON, ".yaml": YAML, ".yml": YAML, ".jsonl": JSONLines, ".ndjson": JSONLines, ".csv": CSV, ".tsv": CSV, ".xml": Sitemap,
}

// A Fault is what is wrong with a list, and in which line, counted from 1; 0 is
// the whole list.
type Fault struct {
	Line    int
	Message string // "is longer than 64 KiB"
}

func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Message
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Message)
}

// A Field is a cell of a row: the name of its column, and its text.
type Field struct{ Name, Text string }

// An Entry is one entry of a list, or what is wrong with one. Exactly one of
// Text, JSON, Fields and Fault is set.
type Entry struct {
	Line   int     // where it begins, from 1
	Of     string  // the sitemap that the line is of, where an index names several
	Text   string  // a URL, as it is written
	JSON   []byte  // a line of JSON; valid until the next entry
	Fields []Field // a row with a header, cells that are empty left out; valid until the next entry
	Fault  string  // "is longer than 64 KiB"
}

// A Reader reads one list.
type Reader struct {
	o        Options
	format   Format
	text     *bufio.Reader // in UTF-8, without a byte order mark
	decoded  bool          // it was in UTF-16
	warnings []string
}

// Format returns what the list is.
func (r *Reader) Format() Format { return r.format }

// Warnings returns what is right with the list but may not be meant. They are
// complete when all has been read.
func (r *Reader) Warnings() []string { return r.warnings }

// Open begins to read a list, and finds out which format it has. It waits for
// the first 64 KiB, or the end. What can't be decompressed is a [*Fault]; where r
// fails, reading the list fails.
func Open(r io.Reader, o Options) (*Reader, error) {
	in := bufio.NewReaderSize(&bounded{r: r, left: MaxBytes, fault: tooLarge}, MaxLine)
	name := strings.ToLower(o.Name)
	name, compressed := strings.CutSuffix(name, ".gz")
	if start, _ := in.Peek(2); string(start) == "\x1f\x8b" {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, &Fault{Message: "can't be decompressed: " + plain(err)}
		}
		in = bufio.NewReaderSize(&bounded{r: whole{unzipped}, left: MaxBytes, fault: tooLarge}, MaxLine)
	} else if compressed && len(start) > 0 {
		return nil, &Fault{Message: "is not compressed by gzip, as its name says"}
	}
	opened := &Reader{o: o, text: in}
	switch start, _ := in.Peek(3); {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		in.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		label := "utf-16le"
		if start[0] == 0xfe {
			label = "utf-16be"
		}
		in.Discard(2)
		utf8, err := charset.NewReaderLabel(label, in)
		if err != nil {
			return nil, err // unreachable: the label is known
		}
		opened.text, opened.decoded = bufio.NewReaderSize(utf8, MaxLine), true
	}
	known := false
	if opened.format, known = endings[path.Ext(name)]; !known {
		start, _ := opened.text.Peek(MaxLine)
		opened.format = recognise(start)
	}
	return opened, nil
}

// whole is the text of compressed data, of which a part may be missing: where it is
// stored, nothing else shows that.
type whole struct{ compressed io.Reader }

var errTruncated = errors.New("the compressed data is truncated")

func (w whole) Read(p []byte) (int, error) {
	n, err := w.compressed.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errTruncated
	}
	return n, err
}

// plain returns what went wrong, without the name of the library.
func plain(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "gzip: "), "yaml: ")
}

// tooLarge is the fault of a list beyond MaxBytes.
var tooLarge = &Fault{Message: "is larger than 1 GiB"}

// bounded reads left bytes, and then fails with a fault.
type bounded struct {
	r     io.Reader
	left  int
	fault *Fault
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.fault
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// ErrTooLarge is the error of a document that is larger than [MaxDocument].
var ErrTooLarge = errors.New("is larger than 64 MiB")

// ReadAll reads a document.
func ReadAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err == nil && len(data) > MaxDocument {
		err = ErrTooLarge
	}
	return data, err
}

// Document returns a document as JSON. Of one in YAML, each value has the line
// that it has in the YAML. An error is a [*Fault], [ErrTooLarge], that of the
// reader, or ctx's.
func (r *Reader) Document(ctx context.Context) ([]byte, error) {
	data, err := ReadAll(until{ctx, r.text})
	if err == nil && r.format == YAML {
		return fromYAML(data)
	}
	return data, err
}

// until is a reader that ends with a context.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// Entries returns the entries, and the faults in their midst. It ends with ctx,
// whose error the caller looks at.
func (r *Reader) Entries(ctx context.Context) iter.Seq[Entry] {
	switch r.format {
	case CSV:
		return func(yield func(Entry) bool) { r.rows(ctx, yield) }
	case Sitemap:
		return func(yield func(Entry) bool) {
			number := -1
			r.sitemap(ctx, func(e Entry) bool {
				if e.Fault == "" {
					number++
				}
				return e.Fault == "" && !r.o.has(number) || yield(e)
			})
		}
	}
	return func(yield func(Entry) bool) { r.lines(ctx, yield) }
}

// WithScheme returns the URL that a host, or a URL without its scheme, stands for
// in the bar of a browser; "" where it has a scheme, or stands for none.
func WithScheme(host string) string {
	if host == "" || strings.Contains(host, "://") || strings.HasPrefix(host, "/") || strings.ContainsAny(host, " \t\r\n") {
		return ""
	}
	u, err := weburl.Parse("https://"+host, nil)
	if err != nil || u.User != nil {
		return ""
	}
	return "https://" + host
}

var (
	// keyOfYAML begins a mapping, or a sequence of mappings.
	keyOfYAML   = text.Pattern(`^(- +)*["']?[$A-Za-z]\w*["']?:(\s|$)`)
	arrayOfJSON = text.Pattern(`^\[\s*(["{\]]|$)`)

	withURL = text.Pattern(`(?i)^https?:`)
)

// recognise returns the format of a list by its beginning.
func recognise(start []byte) Format {
	first, rest := []byte(nil), start
	for len(first) == 0 && len(rest) > 0 {
		first, rest, _ = bytes.Cut(rest, []byte("\n"))
		if first = bytes.TrimSpace(first); bytes.HasPrefix(first, []byte("#")) {
			first = nil
		}
	}
	switch {
	case len(first) == 0:
		return Text
	case first[0] == '{':
		var target struct{ URL json.RawMessage }
		if json.Unmarshal(first, &target) == nil && target.URL != nil { // which no event has
			return JSONLines
		}
		return JSON
	case arrayOfJSON().Match(first):
		return JSON
	case first[0] == '<' && !bytes.HasPrefix(bytes.ToLower(first), []byte("<http")):
		return Sitemap
	case withURL().Match(first):
		return Text // or a table without a header, of which Text reads the URLs or warns
	case string(first) == "---", bytes.HasPrefix(first, []byte("%YAML")), keyOfYAML().Match(first):
		return YAML
	}
	if t := newTable(start, 0); t.header != nil || t.wide && t.url >= 0 {
		return CSV
	}
	return Text
}

// tooManyLines is the entry at which a list is too long.
func tooManyLines(line int) Entry {
	return Entry{Line: line, Fault: "is one too many: a list has at most " + text.Plural(MaxLines, "line")}
}
