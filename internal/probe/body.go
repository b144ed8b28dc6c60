package probe

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"rollcall/internal/check"
	"strings"
	"syscall"
)

// A body is what was read of an answer's.
type body struct {
	text      string // decoded; "" unless somebody reads it
	wire      int64  // bytes as they came
	size      int64  // bytes decoded
	truncated bool   // there was more
}

// readBody reads the body to its end, or until limit bytes of it have come or
// have been decoded. The text is kept only if it is wanted.
func readBody(resp *http.Response, limit int64, wanted bool) (body, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return body{}, nil // what follows is another protocol's
	}
	raw := &capped{r: resp.Body, left: limit}
	decoded, err := decode(raw, resp.Header.Get("Content-Encoding"))
	text := &capped{r: decoded, left: limit}
	var kept strings.Builder
	sink := io.Discard
	if wanted {
		sink = &kept
	}
	if err == nil {
		_, err = io.Copy(sink, text)
	}
	if err == nil && !text.over {
		_, err = io.Copy(io.Discard, raw) // what follows the end of compressed data
	}
	b := body{text: kept.String(), wire: raw.n, size: text.n, truncated: raw.over || text.over}
	if b.truncated {
		return b, nil // the decoder may miss the rest, which is our doing
	}
	return b, broken(raw, err)
}

// broken tells a failure of the connection from one of the data: the decoders
// turn the first into io.ErrUnexpectedEOF too.
func broken(raw *capped, err error) error {
	if raw.err != nil && raw.err != io.EOF {
		return raw.err
	}
	if err != nil {
		return &verdict{reason: check.BodyInvalid, detail: "body is broken: " + err.Error()}
	}
	return nil
}

// decode undoes the compression that we offered. Anything else is left as it
// is: it may be what the target's user asked for.
func decode(raw io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(encoding) {
	case "gzip", "x-gzip":
		return emptyOr(raw, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
	case "deflate":
		return emptyOr(raw, inflate)
	}
	return raw, nil
}

// emptyOr decodes what is not empty: a 304, or the answer to a HEAD, names an
// encoding and has no body.
func emptyOr(raw io.Reader, open func(io.Reader) (io.Reader, error)) (io.Reader, error) {
	buffered := bufio.NewReader(raw)
	if _, err := buffered.Peek(1); err == io.EOF {
		return buffered, nil
	}
	return open(buffered)
}

// inflate reads what servers call deflate: zlib as the standard says (RFC
// 9110), or the bare stream.
func inflate(r io.Reader) (io.Reader, error) {
	buffered := r.(*bufio.Reader)
	head, _ := buffered.Peek(2)
	if len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}

// capped reads at most left bytes and notes whether there would have been
// more.
type capped struct {
	r    io.Reader
	left int64
	n    int64
	over bool
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
	if c.err == nil && !c.over {
		var one [1]byte
		n, err := io.ReadFull(c.r, one[:])
		c.over = n > 0
		if err != nil && !c.over {
			c.err = err
		}
	}
	if c.over || c.err == nil {
		return 0, io.EOF
	}
	return 0, c.err
}

// ended reports whether err is the connection's end, which has no stamp.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
