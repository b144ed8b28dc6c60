package faults

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"

	"rollcall/internal/testnet"
)

// encodingFaults compress their body, correctly, badly or with malice.
func encodingFaults() []testnet.Server {
	return []testnet.Server{
		counterpart("gzip-corrupt gzip-bad-checksum gzip-truncated gzip-not", encoded("gzip", "its body is valid gzip", "gzip", gzipped)),
		counterpart("gzip-bad-checksum", encoded("gzip-members", "its body is two members of gzip", "gzip",
			func() string { return gzipped() + gzipped() })),
		counterpart("gzip-truncated gzip-not", encoded("gzip-empty", "says gzip and has no body", "gzip", func() string { return "" })),
		encoded("gzip-corrupt", "its gzip is corrupt", "gzip", damaged(gzipped)),
		encoded("gzip-bad-checksum", "its gzip has a wrong checksum", "gzip", wrongChecksum),
		encoded("gzip-truncated", "its gzip ends too soon, its body does not", "gzip", halved(gzipped)),
		counterpart("gzip-bad-checksum gzip-truncated", encoded("gzip-trailing-garbage", "has garbage after its gzip", "gzip", func() string { return gzipped() + "this is garbage" })),
		encoded("gzip-not", "says gzip and has plain text", "gzip", prose),
		counterpart("deflate-corrupt deflate-truncated", encoded("deflate", "its body is valid zlib, which HTTP calls deflate", "deflate", zlibbed)),
		counterpart("deflate-corrupt", encoded("deflate-raw", "its body is deflate without zlib, as many servers have it", "deflate", flated)),
		encoded("deflate-corrupt", "its zlib is corrupt", "deflate", damaged(zlibbed)),
		encoded("deflate-truncated", "its zlib ends too soon, its body does not", "deflate", halved(zlibbed)),
		encoded("encoding-br", "its body is Brotli, which was not offered", "br", func() string { return "\x0b\x00\x80ok\x03" }),
		encoded("encoding-twice", "its body is gzip within gzip", "gzip, gzip", func() string { return zip(gzipped()) }),
		encoded("encoding-unknown", "its body has an encoding that is unknown", "parcels", prose),
		counterpart("encoding-br encoding-unknown encoding-twice", encoded("encoding-identity", "says that its body has no encoding", "identity", prose)),
		{Name: "gzip-bomb", Description: "a body of 1 GiB, compressed to 1 MB", Start: testnet.OverHTTP(bomb(1 << 10))},
		{Name: "gzip-bomb-small", Description: "a body of 10 MiB, compressed to 10 kB", Start: testnet.OverHTTP(bomb(10))},
		{Name: "gzip-exact", Description: "a body of 1 MiB, compressed to 1 kB",
			CounterpartOf: "gzip-bomb gzip-bomb-small", Start: testnet.OverHTTP(bomb(1))},
	}
}

// encoded responds with a body that has an encoding. The body is made for the
// first client.
func encoded(name, description, encoding string, body func() string) testnet.Server {
	response := sync.OnceValue(func() string {
		b := body()
		return testnet.Head + fmt.Sprintf("Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n", encoding, len(b)) + b
	})
	return testnet.Server{Name: name, Description: description, Start: testnet.OverHTTP(func(_ context.Context, c *testnet.Client) {
		io.WriteString(c, response())
	})}
}

// counterpart returns r as the counterpart of faults.
func counterpart(faults string, r testnet.Server) testnet.Server {
	r.CounterpartOf = faults
	return r
}

// prose is what is compressed.
func prose() string { return strings.Repeat("a text that is worth compressing. ", 64) }

func gzipped() string { return zip(prose()) }

func zip(text string) string {
	return compressed(text, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

func zlibbed() string {
	return compressed(prose(), func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

func flated() string {
	return compressed(prose(), func(w io.Writer) io.WriteCloser {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // fails for a level that does not exist
		return f
	})
}

// compressed is text as it comes out of a compressor.
func compressed(text string, by func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := by(&b)
	io.WriteString(w, text) // a bytes.Buffer takes everything
	w.Close()
	return b.String()
}

// damaged overwrites the middle of a compressed text.
func damaged(text func() string) func() string {
	return func() string {
		b := []byte(text())
		copy(b[len(b)/2:], "\xff\xff\xff\xff\xff\xff\xff\xff")
		return string(b)
	}
}

func halved(text func() string) func() string {
	return func() string { return text()[:len(text())/2] }
}

// wrongChecksum has a wrong checksum: the first four of the last eight bytes.
func wrongChecksum() string {
	b := []byte(gzipped())
	copy(b[len(b)-8:], "????")
	return string(b)
}

// bomb responds with mebibytes MiB of zeros as one member of gzip.
func bomb(mebibytes int) testnet.ConnHandler {
	parts := sync.OnceValue(zeros)
	end := sync.OnceValue(func() []byte { return endOfZeros(mebibytes) })
	return func(_ context.Context, c *testnet.Client) {
		z := parts()
		io.WriteString(c, testnet.Head+"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"+z.first)
		for range mebibytes - 1 {
			if _, err := io.WriteString(c, z.further); err != nil {
				return
			}
		}
		c.Write(end())
	}
}

// A zeroStream is the parts of a gzip of zeros: after the first MiB, which the
// decoder's window is then full of, each further one is the same bytes.
type zeroStream struct{ first, further string }

func zeros() zeroStream {
	const size = 1 << 20
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(make([]byte, size))
	w.Flush() // ends at a whole byte
	first := b.Len()
	w.Write(make([]byte, size))
	w.Flush()
	all := b.String()
	return zeroStream{all[:first], all[first:]}
}

// endOfZeros is the empty last block (RFC 1951, 3.2.6), and the checksum and
// length of that many MiB of zeros (RFC 1952, 2.3.1).
func endOfZeros(mebibytes int) []byte {
	chunk := make([]byte, 64<<10)
	sum := uint32(0)
	for range mebibytes << 20 / len(chunk) {
		sum = crc32.Update(sum, crc32.IEEETable, chunk)
	}
	end := []byte{3, 0}
	end = binary.LittleEndian.AppendUint32(end, sum)
	return binary.LittleEndian.AppendUint32(end, uint32(mebibytes<<20))
}
