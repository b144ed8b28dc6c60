package content

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func packed(t *testing.T, encoding, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := map[string]func() (io.WriteCloser, error){
		"gzip":    func() (io.WriteCloser, error) { return gzip.NewWriter(&b), nil },
		"deflate": func() (io.WriteCloser, error) { return zlib.NewWriter(&b), nil },
		"raw":     func() (io.WriteCloser, error) { return flate.NewWriter(&b, flate.BestSpeed) },
		"br":      func() (io.WriteCloser, error) { return brotli.NewWriter(&b), nil },
		"zstd":    func() (io.WriteCloser, error) { return zstd.NewWriter(&b) },
	}[encoding]
	to, err := w()
	if err == nil {
		_, err = io.WriteString(to, text)
	}
	if err = errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func unpacked(encoding, body string) (string, error) {
	r, err := Open(strings.NewReader(body), encoding)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

func TestEncodings(t *testing.T) {
	for _, test := range []struct {
		lines, want []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"gzip"}, []string{"gzip"}},
		{[]string{"", "gzip"}, []string{"gzip"}},
		{[]string{" X-GZIP , identity"}, []string{"gzip"}},
		{[]string{"aws-chunked,gzip", "br"}, []string{"gzip", "br"}},
		{[]string{"parcels, ,deflate"}, []string{"parcels", "deflate"}},
	} {
		if got := Encodings(http.Header{"Content-Encoding": test.lines}); !slices.Equal(got, test.want) {
			t.Errorf("Encodings(%q) = %q, want %q", test.lines, got, test.want)
		}
	}
}

func TestOpen(t *testing.T) {
	long := strings.Repeat("all systems go, ", 20_000)
	for _, encoding := range []string{"gzip", "deflate", "raw", "br", "zstd"} {
		open := strings.Replace(encoding, "raw", "deflate", 1)
		body := packed(t, encoding, long)
		for name, padded := range map[string]string{
			"": body, " and zeros": body + strings.Repeat("\x00", 1000), " and garbage": body + "garbage", " and spaces": body + "    ",
		} {
			if got, err := unpacked(open, padded); got != long || err != nil {
				t.Errorf("%s%s: %d bytes, %v; want %d", encoding, name, len(got), err, len(long))
			}
		}
		if got, err := unpacked(open, ""); got != "" || err != nil {
			t.Errorf("%s of nothing: %q, %v", encoding, got, err)
		}
		if _, err := unpacked(open, body[:len(body)/2]); err == nil {
			t.Errorf("%s cut in the middle: no error", encoding)
		}
		if _, err := unpacked(open, "\xff\xffthis is plain text"); err == nil {
			t.Errorf("%s that is none: no error", encoding)
		}
		if !Known(open) {
			t.Errorf("Known(%s) = false", open)
		}
	}
	if _, err := unpacked("parcels", "x"); err == nil || Known("parcels") {
		t.Error("an unknown encoding is opened")
	}
}

// TestGzipOfMembers: each is read, an empty one too; what only begins as one ends
// the body.
func TestGzipOfMembers(t *testing.T) {
	one, none, two := packed(t, "gzip", "one "), packed(t, "gzip", ""), packed(t, "gzip", "two")
	for body, want := range map[string]string{
		one + none + two:                  "one two",
		one + "\x1f\x8b\x08":              "one ",
		one + "\x1f\x8bgarbage":           "one ",
		one + "\x00" + two:                "one ",
		one + "\x1f\x8b\x07" + two[3:]:    "one ",
		one + two[:len(two)-8] + "\x00\n": "one two", // with an error
	} {
		got, err := unpacked("gzip", body)
		if got != want || (err != nil) != strings.HasSuffix(body, "\n") {
			t.Errorf("%q: %q, %v; want %q", body, got, err, want)
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestWindowsAreBounded: a frame whose decoder would need 2 GB is refused before
// it has them; one of 8 MiB, as encoders for the web may use, is read.
func TestWindowsAreBounded(t *testing.T) {
	frame := func(window byte) string { return "\x28\xb5\x2f\xfd\x00" + string([]byte{window}) + "\x09\x00\x00x" }
	var err error
	took := allocated(func() { _, err = unpacked("zstd", frame(21<<3)) })
	if !errors.Is(err, zstd.ErrWindowSizeExceeded) || took > 4<<20 {
		t.Errorf("a window of 2 GiB: %v, after %d bytes", err, took)
	}
	if _, err := unpacked("zstd", frame(13<<3|1)); !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("a window of 9 MiB: %v", err)
	}
	if got, err := unpacked("zstd", frame(13<<3)); got != "x" || err != nil {
		t.Errorf("a window of 8 MiB: %q, %v", got, err)
	}
	// Brotli has at most 16 MiB, unless larger windows are allowed.
	if _, err := unpacked("br", "\x11\x1e"+strings.Repeat("\x00", 20)); err == nil {
		t.Error("a large window of Brotli is taken")
	}
}

// TestBombsAreReadInSteps: what is asked for is decoded, and memory is the
// decoder's own.
func TestBombsAreReadInSteps(t *testing.T) {
	zeros := strings.Repeat("\x00", 8<<20)
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd"} {
		bomb := packed(t, encoding, zeros)
		took := allocated(func() {
			r, err := Open(strings.NewReader(bomb), encoding)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.CopyN(io.Discard, r, 1<<20); n != 1<<20 || err != nil {
				t.Errorf("%s: %d bytes, %v", encoding, n, err)
			}
		})
		if limit := uint64(30 << 20); took > limit || !Large(encoding) && took > 200<<10 {
			t.Errorf("%s allocates %d bytes", encoding, took)
		}
		t.Logf("%s: %d bytes packed, %d allocated", encoding, len(bomb), took)
	}
}
