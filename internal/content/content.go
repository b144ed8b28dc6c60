// Package content turns the bytes of a response's body into the text that
// visitors read: it undoes content encodings, and reads charsets.
package content

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Encodings returns the content encodings of a response in the order in which
// they were applied, in lower case, of all its header lines. Words that change
// nothing are left out: the blank, identity, and what S3 keeps of an upload.
func Encodings(header http.Header) []string {
	var all []string
	for _, line := range header["Content-Encoding"] {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.ToLower(strings.TrimSpace(name)); name {
			case "", "identity", "aws-chunked":
			case "x-gzip":
				all = append(all, "gzip")
			default:
				all = append(all, name)
			}
		}
	}
	return all
}

// Known reports whether Open undoes an encoding.
func Known(encoding string) bool {
	switch encoding {
	case "gzip", "deflate":
		return true
	}
	return Large(encoding)
}

// Large reports whether the decoder of an encoding may hold up to 24 MB, where
// the others hold 50 kB.
func Large(encoding string) bool { return encoding == "br" || encoding == "zstd" }

// maxWindow is what a decoder of zstd must have and an encoder must not exceed
// (RFC 9659). That of Brotli is at most 16 MiB (RFC 7932).
const maxWindow = 8 << 20

// Open undoes a Known encoding of r, whose first bytes it reads. An empty body
// is empty: a 304, or the response to a HEAD, names an encoding and has none.
// Zeros or garbage behind the end of what is encoded are ignored, as browsers do;
// they are left in r, or lost.
func Open(r io.Reader, encoding string) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	switch _, err := buffered.Peek(1); err {
	case nil:
	case io.EOF:
		return buffered, nil
	default:
		return nil, err
	}
	switch encoding {
	case "gzip":
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		return &members{z, buffered}, nil
	case "deflate":
		return inflate(buffered)
	case "br":
		return &padded{r: brotli.NewReader(buffered)}, nil
	case "zstd":
		// One goroutine, ours: what is not read to its end needs no Close.
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return &padded{r: z}, nil
	}
	return nil, fmt.Errorf("unknown content encoding %q", encoding)
}

// inflate reads what servers call deflate: zlib as the standard says (RFC
// 9110), or the bare stream.
func inflate(r *bufio.Reader) (io.Reader, error) {
	head, _ := r.Peek(2)
	if len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

// members reads the members of a gzip body one after the other. What follows
// and does not begin as a member ends it.
type members struct {
	z *gzip.Reader
	r *bufio.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		m.z.Multistream(false) // which Reset undoes
		n, err := m.z.Read(p)
		if n > 0 && err == io.EOF {
			return n, nil // the next Read has the same end
		}
		if err != io.EOF {
			return n, err
		}
		if start, _ := m.r.Peek(3); string(start) != "\x1f\x8b\x08" {
			return 0, io.EOF
		}
		if err := m.z.Reset(m.r); err != nil {
			return 0, io.EOF
		}
	}
}

// padded ends where its decoder says that something follows the end.
type padded struct {
	r    io.Reader
	some bool
}

func (p *padded) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.some = p.some || n > 0
	if err != nil && p.some && (errors.Is(err, zstd.ErrMagicMismatch) || err.Error() == "brotli: excessive input") {
		err = io.EOF
	}
	return n, err
}
