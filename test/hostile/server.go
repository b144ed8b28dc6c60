package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A server does with the one connection that it gets what its seed says.
type server struct {
	seed     uint64
	listener net.Listener
	config   *tls.Config
	kind     string // frames, secure frames, records, or mangled

	mu            sync.Mutex
	opened, ended time.Time // of the connection; ended: the client has gone
	served        sync.WaitGroup
}

var kinds = []string{"frames", "secure frames", "records", "mangled"}

func start(seed uint64, config *tls.Config) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{seed: seed, listener: l, config: config, kind: kinds[seed%uint64(len(kinds))]}
	s.served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.served.Go(func() { s.serve(c) })
		}
	})
	return s, nil
}

func (s *server) close() {
	s.listener.Close()
	s.served.Wait()
}

// url is what to check, over which version of HTTP.
func (s *server) url() (url, version string) {
	switch s.kind {
	case "frames":
		return "http://" + s.listener.Addr().String() + "/", "2"
	default:
		return "https://" + s.listener.Addr().String() + "/", "auto"
	}
}

// serve acts until the client has gone, which a goroutine notices that reads all
// the time.
func (s *server) serve(c net.Conn) {
	s.mu.Lock()
	s.opened = time.Now() // a second connection counts from its own beginning
	s.mu.Unlock()
	ctx, gone := context.WithCancel(context.Background())
	in := newInbox()
	s.served.Go(func() {
		p := make([]byte, 64<<10)
		for {
			n, err := c.Read(p)
			if err != nil {
				break
			}
			in.add(p[:n], nil)
		}
		s.mu.Lock()
		s.ended = time.Now()
		s.mu.Unlock()
		in.add(nil, io.EOF)
		gone()
	})
	s.act(ctx, piped{c, in})
	<-ctx.Done()
	c.Close()
}

// stay is how long the client's last connection lasted.
func (s *server) stay() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended.Sub(s.opened)
}

// An inbox has what came and nobody has read yet.
type inbox struct {
	mu   sync.Mutex
	more sync.Cond
	text []byte
	err  error
}

func newInbox() *inbox {
	i := new(inbox)
	i.more.L = &i.mu
	return i
}

func (i *inbox) add(p []byte, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.text, i.err = append(i.text, p...), err
	i.more.Broadcast()
}

// Read waits until there is something.
func (i *inbox) Read(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.text) == 0 && i.err == nil {
		i.more.Wait()
	}
	if len(i.text) == 0 {
		return 0, i.err
	}
	n := copy(p, i.text)
	i.text = i.text[n:]
	return n, nil
}

// piped is a connection that is read elsewhere.
type piped struct {
	net.Conn
	in io.Reader
}

func (p piped) Read(b []byte) (int, error) { return p.in.Read(b) }

// act sends what the seed says, and now and then closes.
func (s *server) act(ctx context.Context, c net.Conn) {
	r := rand.New(rand.NewPCG(s.seed, 1))
	defer func() {
		if r.IntN(3) == 0 {
			c.Close()
		}
	}()
	switch s.kind {
	case "frames":
		frames(ctx, r, c)
	case "secure frames":
		secure := tls.Server(c, s.config)
		if secure.HandshakeContext(ctx) == nil {
			frames(ctx, r, secure)
		}
	case "records":
		io.ReadFull(c, make([]byte, 5))
		records(ctx, r, c)
	case "mangled":
		secure := tls.Server(&mangled{Conn: c, r: r, left: r.IntN(4000)}, s.config)
		if secure.HandshakeContext(ctx) == nil {
			frames(ctx, r, secure)
		}
	}
}

// moment waits as long as it takes to be annoying, most often not at all. It
// reports whether the client is there.
func moment(ctx context.Context, r *rand.Rand) bool {
	if r.IntN(8) > 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(r.IntN(40)) * time.Millisecond):
		return true
	}
}

// number is one at the edges more often than between.
func number(r *rand.Rand) uint32 {
	edges := []uint32{0, 1, 2, 65_535, 65_536, 1 << 14, 1<<14 + 1, 1<<24 - 1, math.MaxInt32 - 65_535, math.MaxInt32 - 1, math.MaxInt32, math.MaxUint32}
	if r.IntN(3) == 0 {
		return r.Uint32()
	}
	return edges[r.IntN(len(edges))]
}

func noise(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// frames speaks HTTP/2, rather well at first.
func frames(ctx context.Context, r *rand.Rand, c net.Conn) {
	io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
	go io.Copy(io.Discard, c)
	f := http2.NewFramer(c, nil)
	f.AllowIllegalWrites = true
	if r.IntN(10) > 0 {
		f.WriteSettings()
	}
	many := 1 + r.IntN(60)
	if r.IntN(20) == 0 {
		many = math.MaxInt // one kind of flood or another
	}
	only := -1
	if many == math.MaxInt {
		only = r.IntN(14)
	}
	for range many {
		kind := only
		if only < 0 {
			kind = r.IntN(14)
		}
		if !moment(ctx, r) || frame(r, f, kind) != nil {
			return
		}
	}
}

// stream is most often the only one that there is.
func stream(r *rand.Rand) uint32 {
	if r.IntN(5) > 0 {
		return 1
	}
	return number(r)
}

func frame(r *rand.Rand, f *http2.Framer, kind int) error {
	switch kind {
	case 0:
		return f.WriteSettings(http2.Setting{ID: http2.SettingID(r.IntN(8)), Val: number(r)}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: number(r) & math.MaxInt32})
	case 1:
		return f.WriteSettingsAck()
	case 2:
		return f.WriteWindowUpdate(stream(r)*uint32(r.IntN(2)), number(r))
	case 3:
		return f.WritePing(r.IntN(2) == 0, [8]byte(noise(r, 8)))
	case 4:
		return f.WriteRawFrame(http2.FrameType(r.IntN(256)), http2.Flags(r.IntN(256)), stream(r), noise(r, r.IntN(300)))
	case 5:
		return f.WriteRawFrame(http2.FrameType(r.IntN(10)), http2.Flags(r.IntN(256)), stream(r), noise(r, r.IntN(40)))
	case 6:
		return f.WriteData(stream(r), r.IntN(10) == 0, noise(r, r.IntN(20_000)))
	case 7:
		return f.WriteDataPadded(stream(r), r.IntN(10) == 0, noise(r, r.IntN(20)), make([]byte, r.IntN(256)))
	case 8:
		return f.WriteContinuation(stream(r), r.IntN(3) == 0, fields(r))
	case 9:
		if r.IntN(4) > 0 {
			return f.WritePing(false, [8]byte{})
		}
		return f.WriteGoAway(number(r), http2.ErrCode(r.IntN(16)), noise(r, r.IntN(30)))
	case 10:
		if r.IntN(4) > 0 {
			return f.WriteData(1, false, nil)
		}
		return f.WriteRSTStream(stream(r), http2.ErrCode(r.IntN(16)))
	case 11:
		return f.WritePushPromise(http2.PushPromiseParam{StreamID: stream(r), PromiseID: number(r), BlockFragment: fields(r), EndHeaders: r.IntN(2) == 0})
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream(r), BlockFragment: fields(r), EndHeaders: r.IntN(5) > 0, EndStream: r.IntN(6) == 0, PadLength: uint8(r.IntN(2) * r.IntN(256))})
}

// fields are a block of headers, or nearly.
func fields(r *rand.Rand) []byte {
	if r.IntN(6) == 0 {
		return noise(r, r.IntN(100))
	}
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	statuses := []string{"200", "200", "103", "100", "204", "302", "404", "999", "0", "x"}
	if r.IntN(5) > 0 {
		e.WriteField(hpack.HeaderField{Name: ":status", Value: statuses[r.IntN(len(statuses))]})
	}
	names := []string{"content-length", "content-encoding", "location", "trailer", "x-long", ":path", "Upper", "connection"}
	values := []string{"", "0", "5", "-1", "99999999999999999999", "gzip", "/", "https://127.0.0.1:1/", "a\x00b", string(bytes.Repeat([]byte("x"), 9000))}
	for range r.IntN(4) {
		e.WriteField(hpack.HeaderField{Name: names[r.IntN(len(names))], Value: values[r.IntN(len(values))]})
	}
	return b.Bytes()
}

// records sends what looks like TLS from afar.
func records(ctx context.Context, r *rand.Rand, c net.Conn) {
	for range 1 + r.IntN(200) {
		payload := noise(r, r.IntN(1+r.IntN(300)))
		if r.IntN(3) == 0 && len(payload) > 4 { // a handshake message of a length
			payload[0] = byte(r.IntN(25))
			payload[1], payload[2], payload[3] = 0, 0, byte(len(payload)-4)
		}
		header := []byte{byte(19 + r.IntN(6)), 3, byte(r.IntN(5)), 0, 0}
		length := len(payload)
		if r.IntN(10) == 0 {
			length = r.IntN(1 << 16)
		}
		binary.BigEndian.PutUint16(header[3:], uint16(length))
		if _, err := c.Write(append(header, payload...)); err != nil || !moment(ctx, r) {
			return
		}
	}
}

// mangled is a connection whose bytes are wrong from some point on, or come one
// by one.
type mangled struct {
	net.Conn
	r    *rand.Rand
	left int // bytes that are right
}

func (m *mangled) Write(p []byte) (int, error) {
	q := bytes.Clone(p)
	if m.left < len(q) && len(q) > 0 {
		switch m.r.IntN(4) {
		case 0:
			q[max(0, m.left)+m.r.IntN(len(q)-max(0, m.left))] ^= 1 << m.r.IntN(8)
		case 1:
			q = q[:m.r.IntN(len(q))]
		case 2:
			q = append(q, q[:m.r.IntN(len(q))]...)
		case 3:
			for _, b := range q {
				if _, err := m.Conn.Write([]byte{b}); err != nil {
					return 0, err
				}
			}
			q = nil
		}
	}
	m.left -= len(p)
	if _, err := m.Conn.Write(q); err != nil {
		return 0, err
	}
	return len(p), nil
}
