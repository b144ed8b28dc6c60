package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/content"
	"rollcall/internal/redact"
)

// A body is what was read of a response's.
type body struct {
	text      string // decoded; "" unless somebody reads it
	wire      int64  // bytes as they came, or of packed
	size      int64  // bytes decoded
	truncated bool   // there was more
	share     *share // of memory
	short     bool   // it was truncated for lack of that
	undecoded string // the content encoding that was not undone; "" if all were
	waiting   bool   // it is decoded later, see unpack
	packed    string // what is decoded then
}

// A use is what the target's expectations do with a body.
type use uint8

const (
	counted  use = iota // nothing: the bytes are counted
	measured            // its size is read
	quoted              // its text is read
)

func useOf(s *check.Settings) use {
	switch {
	case s.Reads("body") || s.Reads("json"):
		return quoted
	case s.Reads("size"):
		return measured
	}
	return counted
}

// maxEncodings is how many content encodings of one body are undone.
const maxEncodings = 3

// read reads a response's body to its end, or until limit bytes of it have come or
// have been decoded, by each encoding: or a bomb within a bomb would cost its inner
// size. Brotli and zstd, which we did not ask for, are decoded only for whom it makes
// a difference, and later, see unpack. What is kept is held by b's share.
func (b *body) read(resp *http.Response, limit int64, u use, later bool) error {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil // what follows is another protocol's
	}
	encodings := content.Encodings(resp.Header)
	slices.Reverse(encodings) // the outermost first
	if i := slices.IndexFunc(encodings, func(name string) bool { return !content.Known(name) }); i >= 0 {
		b.undecoded, encodings = encodings[i], encodings[:i]
	}
	raw := &capped{r: resp.Body, left: limit}
	last, layers := raw, []*capped{raw}
	var err error
	large := !later && slices.ContainsFunc(encodings, content.Large)
	if len(encodings) > maxEncodings {
		err = fmt.Errorf("%d content encodings, of which at most %d are undone", len(encodings), maxEncodings)
	} else if !large {
		for i := 0; i < len(encodings) && err == nil; i++ {
			var decoded io.Reader
			if decoded, err = content.Open(last, encodings[i]); err == nil {
				last = &capped{r: decoded, left: limit}
				layers = append(layers, last)
			}
		}
	}
	kept := growing{share: b.share}
	packed := large && u != counted
	if err == nil {
		sink := io.Discard
		if packed || u == quoted && !large {
			sink = &kept
		}
		if _, err = io.Copy(sink, last); !packed {
			b.size = last.n
		}
	}
	b.truncated = b.truncated || kept.full || slices.ContainsFunc(layers, func(l *capped) bool { return l.more })
	b.short = b.short || kept.full
	switch {
	case packed:
		b.waiting, b.packed = true, kept.String()
	case u == quoted:
		var cut bool
		b.text, cut = content.Text(kept.String(), resp.Header.Get("Content-Type"), b.truncated, limit)
		b.truncated = b.truncated || cut
		if err == nil && len(b.text) > kept.Len() { // it is another text
			if err = b.share.hold(int64(len(b.text))); err != nil {
				b.text, b.short, b.truncated = "", true, true
			}
		}
	}
	if err == nil && !b.truncated {
		_, err = io.Copy(io.Discard, raw) // what follows the end of compressed data
	}
	b.wire = raw.n
	return b.error(raw, err)
}

// error tells a failure of the connection from one of the data, as the decoders
// turn the first into io.ErrUnexpectedEOF too. Where the body was truncated, a
// decoder may miss the rest, which is our doing.
func (b *body) error(raw *capped, err error) error {
	switch {
	case err == errShort && !b.share.alone:
		return err
	case b.truncated:
		return nil
	case raw.err != nil && raw.err != io.EOF:
		return raw.err
	case err != nil:
		return &verdict{reason: check.BodyInvalid, detail: invalidBody + err.Error()}
	}
	return nil
}

// unpack decodes Brotli and zstd. It does so in the line of what is slow, when all
// of the body is there: of decoders that hold 24 MB each there are a few then,
// however many checks are under way, and no server keeps one waiting.
func (a *attempt) unpack(ctx context.Context, resp *response) error {
	late := &verdict{reason: check.Deadline, detail: "the run ended before the body was decoded"}
	if err := a.enterSlow(ctx, a.t.MaxBody, late); err != nil {
		return err
	}
	defer a.p.slowEvaluations.leave()
	if err := resp.share.hold(decoderBytes); err != nil {
		return err
	}
	defer resp.share.drop(decoderBytes)
	packed := &http.Response{Header: resp.header, Body: io.NopCloser(interruptible{strings.NewReader(resp.packed), ctx})}
	err := resp.read(packed, a.t.MaxBody, useOf(a.t.Settings), true)
	resp.packed = ""
	a.noteShort(resp.body)
	if ctx.Err() != nil {
		return late
	}
	a.res.BytesBody, a.res.BodyTruncated = resp.size, resp.truncated
	a.res.Complete = err == nil
	return err
}

// decoderBytes is what the largest decoder holds.
const decoderBytes = 24 << 20

// interruptible ends with a context: a decoder may take seconds for what a
// hostile server made for it.
type interruptible struct {
	r   io.Reader
	ctx context.Context
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// aboutBody is what has to be known of a body that c found wrong: that it was
// not read as its visitors read it.
func (a *attempt) aboutBody(resp *response, c check.Condition) string {
	switch {
	case resp.undecoded == "" || !c.Reads("body") && !c.Reads("json"):
		return ""
	case a.secrets.Any(): // which the server may echo
		return "the body has an unknown content encoding: "
	}
	return fmt.Sprintf("the body has the unknown content encoding %q: ", redact.Cut(resp.undecoded, redact.MaxServer))
}

// live reports whether a response is of a kind that may have no end: events,
// the pictures of a camera, radio.
func live(r *http.Response) bool {
	kind := strings.ToLower(r.Header.Get("Content-Type"))
	return r.ContentLength < 0 && slices.ContainsFunc([]string{"text/event-stream", "multipart/x-mixed-replace", "audio/", "video/"},
		func(start string) bool { return strings.HasPrefix(kind, start) })
}

// capped reads at most left bytes and notes whether there would have been
// more.
type capped struct {
	r    io.Reader
	left int64
	n    int64
	more bool
	err  error
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left == 0 {
		return c.beyond()
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.left -= int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}

// beyond looks for one byte more than what may be read.
func (c *capped) beyond() (int, error) {
	if c.err == nil && !c.more {
		var one [1]byte
		n, err := io.ReadFull(c.r, one[:])
		c.more = n > 0
		if err != nil && !c.more {
			c.err = err
		}
	}
	if c.more || c.err == nil {
		return 0, io.EOF
	}
	return 0, c.err
}
