package list

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html/charset"

	"rollcall/internal/text"
)

// maxOfIndex is how many URLs the sitemaps of an index may have together: as
// many as the protocol allows for one.
const maxOfIndex = 50_000

// sitemap yields the URLs of a sitemap, or of the sitemaps that an index names.
func (r *Reader) sitemap(ctx context.Context, yield func(Entry) bool) {
	var named []Entry
	hosts := hosts{}
	ok := r.locations(ctx, func(e Entry, index bool) bool {
		if index && e.Fault == "" {
			named = append(named, e)
			return len(named) <= maxOfIndex
		}
		hosts.note(e)
		return yield(e)
	})
	if ok && len(named) > 0 && r.o.Fetch == nil {
		yield(Entry{Line: named[0].Line, Fault: fmt.Sprintf("names another sitemap, as %s: an index is not read here (give the sitemaps themselves)", text.Plural(len(named), "line"))})
		return
	}
	found := 0
	for _, of := range named {
		if !ok || ctx.Err() != nil {
			return
		}
		hosts.note(of)
		fetched, err := r.o.Fetch(ctx, of.Text)
		if err != nil {
			ok = yield(Entry{Line: of.Line, Fault: "names a sitemap that can't be read: " + plain(err)})
			continue
		}
		ok = r.fetched(ctx, of, fetched, func(e Entry) bool {
			if found++; found > maxOfIndex {
				yield(Entry{Line: of.Line, Fault: "is of an index that has more than 50,000 URLs"})
				return false
			}
			hosts.note(e)
			return yield(e)
		})
		fetched.Close()
	}
	r.warnings = append(r.warnings, hosts.warnings()...)
}

// fetched yields the URLs of a sitemap that an index names. It returns whether
// to go on.
func (r *Reader) fetched(ctx context.Context, of Entry, from io.Reader, yield func(Entry) bool) bool {
	name, _, _ := strings.Cut(of.Text, "?")
	inner, err := Open(from, Options{Name: strings.TrimSuffix(name, ".gz")}) // gzip is known by its content
	if err != nil {
		return yield(Entry{Line: of.Line, Fault: "names a sitemap that " + err.Error()})
	}
	if inner.format == Text {
		return inner.entries(ctx, name, yield)
	}
	return inner.locations(ctx, func(e Entry, index bool) bool {
		e.Of = name
		if index && e.Fault == "" {
			e = Entry{Line: of.Line, Fault: "names a sitemap that is an index itself"}
			yield(e)
			return false
		}
		return yield(e)
	})
}

func (r *Reader) entries(ctx context.Context, of string, yield func(Entry) bool) bool {
	for e := range r.Entries(ctx) {
		e.Of = of
		if !yield(e) {
			return false
		}
	}
	return true
}

// locations yields what a sitemap's loc elements say; index: they are sitemaps.
// It returns whether yield wants more.
func (r *Reader) locations(ctx context.Context, yield func(e Entry, index bool) bool) bool {
	const most = 1 << 20 // bytes of one token
	within := &bounded{r: r.text, left: most, fault: &Fault{Message: "begins more than 1 MiB without a tag"}}
	d := xml.NewDecoder(bufio.NewReader(within))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if r.decoded {
			return in, nil // from UTF-16, whatever it says
		}
		return charset.NewReaderLabel(label, in)
	}
	var open []string // elements
	var content strings.Builder
	begins := 0
	for ctx.Err() == nil {
		line, _ := d.InputPos()
		token, err := d.Token()
		within.left = most
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return true // there was nothing
		}
		if wrong, ok := errors.AsType[*xml.SyntaxError](err); ok {
			return yield(Entry{Line: wrong.Line, Fault: "is not XML: " + wrong.Msg}, false)
		}
		if err != nil {
			return yield(broken(line, err), false)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if len(open) == 0 && name != "urlset" && name != "sitemapindex" {
				return yield(Entry{Line: line, Fault: fmt.Sprintf("begins with <%.32s>: it is not a sitemap (urlset or sitemapindex)", name)}, false)
			}
			const deepest = 100
			if open = append(open, name); len(open) > deepest {
				return yield(Entry{Line: line, Fault: "is nested too deeply"}, false)
			}
			content.Reset()
			begins, _ = d.InputPos()
		case xml.CharData:
			if content.Len()+len(token) > MaxLine {
				return yield(Entry{Line: line, Fault: "begins a text of more than 64 KiB"}, false)
			}
			content.Write(token)
		case xml.EndElement:
			parent := ""
			if len(open) > 1 {
				parent = open[len(open)-2]
			}
			open = open[:len(open)-1]
			if len(open) == 0 {
				return true // what follows means nothing
			}
			location := strings.TrimSpace(content.String())
			content.Reset()
			if token.Name.Local != "loc" || parent != "url" && parent != "sitemap" || location == "" {
				continue
			}
			if begins > MaxLines {
				yield(tooManyLines(begins), false)
				return false
			}
			if !yield(Entry{Line: begins, Text: location}, parent == "sitemap") {
				return false
			}
		}
	}
	return true
}

// hosts are those that the entries of a sitemap have. A sitemap is for one.
type hosts struct {
	first  string
	others int
	other  string
	line   int
}

func (h *hosts) note(e Entry) {
	u, err := url.Parse(e.Text)
	switch {
	case e.Text == "" || err != nil || u.Host == h.first:
	case h.first == "":
		h.first = u.Host
	default:
		if h.others++; h.others == 1 {
			h.other, h.line = u.Host, e.Line
		}
	}
}

func (h *hosts) warnings() []string {
	if h.others == 0 {
		return nil
	}
	return []string{fmt.Sprintf("line %d: %q is another host than %q, and a sitemap is for one: %s", h.line, h.other, h.first, text.Plural(h.others, "such URL"))}
}
