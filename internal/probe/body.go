package probe

import (
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
	wire      int64  // bytes as they came
	size      int64  // bytes decoded
	truncated bool   // there was more
	undecoded string // the content encoding that was not undone; "" if all were
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

// unpackers is taken by whoever decodes Brotli or zstd: the memory of such a
// decoder is there twice, however many checks are under way.
var unpackers = make(chan struct{}, 2)

// readBody reads the body to its end, or until limit bytes of it have come or
// have been decoded: by each encoding, or a bomb within a bomb would cost its
// inner size. What we did not offer, Brotli and zstd, is decoded only for whom
// it makes a difference; ended is closed when the run ends.
func readBody(resp *http.Response, limit int64, u use, ended <-chan struct{}) (body, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return body{}, nil // what follows is another protocol's
	}
	encodings := content.Encodings(resp.Header)
	known, large := 0, false
	for known < len(encodings) && content.Known(encodings[len(encodings)-1-known]) {
		large = large || content.Large(encodings[len(encodings)-1-known])
		known++
	}
	var b body
	if known < len(encodings) {
		b.undecoded = encodings[len(encodings)-1-known]
	}
	raw := &capped{r: resp.Body, left: limit}
	layers := []*capped{raw}
	var err error
	switch {
	case large && u == counted:
		known = 0
	case known > maxEncodings:
		err = fmt.Errorf("%d content encodings, of which at most %d are undone", known, maxEncodings)
	case large: // its bytes come first, so that no slow server keeps the decoder
		var packed strings.Builder
		if _, err = io.Copy(&packed, raw); err != nil {
			break
		}
		select {
		case unpackers <- struct{}{}:
			defer func() { <-unpackers }()
		case <-ended:
			return b, check.ErrBudget
		}
		layers[0] = &capped{r: interruptible{strings.NewReader(packed.String()), ended}, left: limit}
	}
	for i := 0; i < known && err == nil; i++ {
		var decoded io.Reader
		decoded, err = content.Open(layers[i], encodings[len(encodings)-1-i])
		layers = append(layers, &capped{r: decoded, left: limit})
	}
	last := layers[len(layers)-1]
	var kept strings.Builder
	sink := io.Discard
	if u == quoted {
		sink = &kept
	}
	if err == nil {
		_, err = io.Copy(sink, last)
	}
	if err == nil && !last.more {
		_, err = io.Copy(io.Discard, raw) // what follows the end of compressed data
	}
	b.wire, b.size, b.truncated = raw.n, last.n, raw.more
	for _, l := range layers {
		b.truncated = b.truncated || l.more
	}
	if u == quoted {
		var cut bool
		b.text, cut = content.Text(kept.String(), resp.Header.Get("Content-Type"), b.truncated, limit)
		b.truncated = b.truncated || cut
	}
	if b.truncated {
		return b, nil // the decoder may miss the rest, which is our doing
	}
	return b, bodyError(raw, err)
}

// live reports whether a response is of a kind that may have no end: events,
// the pictures of a camera, radio.
func live(r *http.Response) bool {
	kind := strings.ToLower(r.Header.Get("Content-Type"))
	return r.ContentLength < 0 && slices.ContainsFunc([]string{"text/event-stream", "multipart/x-mixed-replace", "audio/", "video/"},
		func(start string) bool { return strings.HasPrefix(kind, start) })
}

// interruptible ends with the run: a decoder may take seconds for what a hostile
// server made for it.
type interruptible struct {
	r     io.Reader
	ended <-chan struct{}
}

func (i interruptible) Read(p []byte) (int, error) {
	select {
	case <-i.ended:
		return 0, check.ErrBudget
	default:
		return i.r.Read(p)
	}
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

// bodyError tells a failure of the connection from one of the data: the decoders
// turn the first into io.ErrUnexpectedEOF too.
func bodyError(raw *capped, err error) error {
	if raw.err != nil && raw.err != io.EOF {
		return raw.err
	}
	if err != nil {
		return &verdict{reason: check.BodyInvalid, detail: invalidBody + err.Error()}
	}
	return nil
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
