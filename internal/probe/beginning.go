package probe

import (
	"errors"
	"io"
	"net"
	"rollcall/internal/check"
	"rollcall/internal/redact"
	"strconv"
	"strings"
	"sync"
)

// A beginning remembers how an answer began.
type beginning struct {
	net.Conn
	spoken check.HTTPVersion
	mu     sync.Mutex // it may be read while its caller has gone
	text   []byte     // at most as much as is shown of a server's bytes
}

// Read notes the first bytes.
func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := redact.MaxServer - len(b.text); room > 0 {
		b.text = append(b.text, p[:min(n, room)]...)
	}
	return n, err
}

// strange finds the real reason where a connection ended before there was an
// answer: what began as no HTTP does was none, all else was closed.
func (b *beginning) strange(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.spoken == check.HTTP2 && strings.Contains(err.Error(), notEstablished) && beganHTTP2(b.text):
		return io.EOF
	case b.spoken == check.HTTP1 && errors.Is(err, io.EOF) && !beganHTTP1(b.text):
		return &verdict{reason: check.BadResponse, detail: "answer is no HTTP: " + strconv.Quote(string(b.text))}
	}
	return err
}

// beganHTTP1 reports whether text is, or may become, a status line.
func beganHTTP1(text []byte) bool {
	const start = "HTTP/"
	return strings.HasPrefix(start, string(text[:min(len(text), len(start))]))
}

// beganHTTP2 reports whether text is, or may become, a frame of settings, which
// a server begins with (RFC 9113, 3.4): its type is in the fourth byte.
func beganHTTP2(text []byte) bool {
	const settings = 4
	return len(text) < 4 || text[3] == settings
}
