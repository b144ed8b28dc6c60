package testnet

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"rollcall/internal/wire"
)

const (
	defaultTTL     = time.Minute
	plainDNSLimit  = 512   // bytes of a DNS answer over UDP without EDNS (RFC 1035, 4.2.1)
	maxDNSQuestion = 65535 // bytes, by TCP's length field
	readBuffer     = 4 << 20
	BindAttempts   = 20 // for a port that is free in both UDP and TCP
)

// A Resolution is what a Resolver returns for one name. The zero Resolution is a
// name that exists and has no address.
type Resolution struct {
	Addresses []netip.Addr     // IPv4 for A, IPv6 for AAAA
	TTL       time.Duration    // whole seconds; 0: one minute
	Failure   dnsmessage.RCode // other than success: the response's code, e.g. server failure
	Silent    bool             // the query gets no response at all
}

// A Resolver is a DNS server on one port of 127.0.0.1, for UDP and TCP. It
// resolves A and AAAA of the names in Set; any other name does not exist. It is
// safe for concurrent use.
type Resolver struct {
	udp   *net.UDPConn
	tcp   *Listener
	tasks Tasks

	mu          sync.Mutex
	resolutions map[string]Resolution
	queries     map[query]int
	waits       map[string]LookupWait // by name: see TakeWaits
}

type query struct {
	name string
	kind dnsmessage.Type
}

// NewResolver starts a resolver that knows no name yet.
func NewResolver() (*Resolver, error) {
	r := &Resolver{resolutions: map[string]Resolution{}, queries: map[query]int{}, waits: map[string]LookupWait{}}
	var err error
	for range BindAttempts {
		if r.tcp, err = ServeRaw(r.serveTCP); err != nil {
			return nil, err
		}
		if r.udp, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(r.Addr())); err == nil {
			r.udp.SetReadBuffer(readBuffer) // as far as the system allows
			if err := StampSocket(r.udp); err != nil {
				return nil, errors.Join(fmt.Errorf("asking for the kernel's stamps: %w", err), r.udp.Close(), r.tcp.Close())
			}
			r.tasks.Go(r.serveUDP)
			return r, nil
		}
		r.tcp.Close()
	}
	return nil, fmt.Errorf("finding a port for the resolver: %w", err)
}

// Addr returns where the resolver listens.
func (r *Resolver) Addr() netip.AddrPort { return r.tcp.Addr() }

// Set sets what the resolver returns for a name. Case and a trailing dot do not
// matter. "*.example.com" stands for every name below example.com that has no
// Resolution of its own.
func (r *Resolver) Set(name string, a Resolution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resolutions[Canonical(name)] = a
}

// Queries returns how many queries of a type came for a name.
func (r *Resolver) Queries(name string, kind dnsmessage.Type) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queries[query{Canonical(name), kind}]
}

// Client is Go's own resolver, which asks r by udp or tcp.
func (r *Resolver) Client(network string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, r.Addr().String())
	}}
}

// Close ends the resolver and waits for its goroutines.
func (r *Resolver) Close() error {
	r.udp.Close()
	r.tasks.Wait()
	return r.tcp.Close()
}

// serveUDP responds to queries by UDP until the socket is closed.
func (r *Resolver) serveUDP() {
	buf, control := make([]byte, maxDNSQuestion), make([]byte, wire.StampSpace)
	for {
		n, controls, _, from, err := r.udp.ReadMsgUDPAddrPort(buf, control)
		if err != nil {
			return
		}
		arrived, ok := wire.Stamp(control[:controls])
		if !ok {
			arrived = WallClock() // later than the truth
		}
		if response := r.reply(buf[:n], false); response != nil {
			began := WallClock()
			r.noteWait(buf[:n], func(w *LookupWait) {
				w.Longest = max(w.Longest, began.Sub(arrived))
				if binary.BigEndian.Uint16(response[6:]) > 0 { // records
					w.Addresses = began.Sub(arrived)
				}
			})
			r.udp.WriteToUDPAddrPort(response, from)
			r.noteWait(buf[:n], func(w *LookupWait) { w.Uncertainty = max(w.Uncertainty, WallClock().Sub(began)) })
		}
	}
}

// A LookupWait is how long a name's clients waited by UDP, from the kernel's
// receiving a query to the writing of the response.
type LookupWait struct {
	Longest     time.Duration // of all queries
	Addresses   time.Duration // of the latest one that has addresses: a client may not wait for the other family
	Uncertainty time.Duration // the longest that a write took: the response left at some instant of it
}

// noteWait changes what is known of a question's name.
func (r *Resolver) noteWait(question []byte, change func(*LookupWait)) {
	var p dnsmessage.Parser
	if _, err := p.Start(question); err != nil {
		return
	}
	q, err := p.Question()
	if err != nil {
		return
	}
	name := Canonical(q.Name.String())
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.waits[name]
	change(&w)
	r.waits[name] = w
}

// TakeWaits returns and forgets the waits of each name's clients.
func (r *Resolver) TakeWaits() map[string]LookupWait {
	r.mu.Lock()
	defer r.mu.Unlock()
	waits := r.waits
	r.waits = map[string]LookupWait{}
	return waits
}

// serveTCP responds to the queries of one TCP connection.
func (r *Resolver) serveTCP(_ context.Context, conn net.Conn) {
	var length [2]byte
	for {
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		response := r.reply(question, true)
		if response == nil {
			continue
		}
		response = append(binary.BigEndian.AppendUint16(nil, uint16(len(response))), response...)
		if _, err := conn.Write(response); err != nil {
			return
		}
	}
}

// reply returns the packed response to a packed query, nil for none.
func (r *Resolver) reply(question []byte, stream bool) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || m.Response || len(m.Questions) != 1 {
		return nil
	}
	limit := maxDNSQuestion
	if !stream {
		limit = datagramLimit(&m)
	}
	q := m.Questions[0]
	a := r.find(q)
	if a.Silent {
		return nil
	}
	response := message(m.Header, q, a)
	packed, err := response.Pack()
	if err == nil && len(packed) > limit {
		response.Truncated, response.Answers, response.Authorities = true, nil, nil
		packed, err = response.Pack()
	}
	if err != nil {
		return nil
	}
	return packed
}

// find counts a query and finds the resolution of the name itself, else of the
// nearest wildcard above it.
func (r *Resolver) find(q dnsmessage.Question) Resolution {
	name := Canonical(q.Name.String())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queries[query{name, q.Type}]++
	if a, ok := wildcard(r.resolutions, name); ok {
		return a
	}
	return Resolution{Failure: dnsmessage.RCodeNameError}
}

// message makes the response to q.
func message(asked dnsmessage.Header, q dnsmessage.Question, a Resolution) *dnsmessage.Message {
	m := &dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: asked.ID, OpCode: asked.OpCode, RecursionDesired: asked.RecursionDesired,
			Response: true, RecursionAvailable: true, RCode: a.Failure,
		},
		Questions: []dnsmessage.Question{q},
	}
	if a.Failure == dnsmessage.RCodeSuccess {
		m.Answers = records(q, a)
	}
	if len(m.Answers) == 0 && (a.Failure == dnsmessage.RCodeSuccess || a.Failure == dnsmessage.RCodeNameError) {
		m.Authorities = []dnsmessage.Resource{soaRecord()}
	}
	return m
}

// records returns a's addresses of the family that q asks for.
func records(q dnsmessage.Question, a Resolution) []dnsmessage.Resource {
	ttl := uint32(cmp.Or(a.TTL, defaultTTL) / time.Second)
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: ttl}
	var all []dnsmessage.Resource
	for _, ip := range a.Addresses {
		switch {
		case q.Type == dnsmessage.TypeA && ip.Is4():
			all = append(all, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
		case q.Type == dnsmessage.TypeAAAA && !ip.Is4():
			all = append(all, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	return all
}

// soaRecord is the record that says how long a "no" may be remembered (RFC 2308).
func soaRecord() dnsmessage.Resource {
	zone := dnsmessage.MustNewName("stage.test.")
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: zone, Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET, TTL: 60},
		Body: &dnsmessage.SOAResource{
			NS: zone, MBox: zone, Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: 60,
		},
	}
}

// datagramLimit is how many bytes the client takes by UDP: what its EDNS record
// says (RFC 6891), else 512.
func datagramLimit(m *dnsmessage.Message) int {
	for _, extra := range m.Additionals {
		if extra.Header.Type == dnsmessage.TypeOPT {
			return max(plainDNSLimit, int(extra.Header.Class))
		}
	}
	return plainDNSLimit
}

// Canonical is a host name as this package's maps have it: lower case, without
// the trailing dot.
func Canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// wildcard finds a canonical name in m, else the nearest "*." above it.
func wildcard[T any](m map[string]T, name string) (T, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for {
		_, above, ok := strings.Cut(name, ".")
		if !ok {
			var none T
			return none, false
		}
		if v, ok := m["*."+above]; ok {
			return v, true
		}
		name = above
	}
}

// StampSocket asks the kernel to say when it received what a socket reads. The
// connections that a listener accepts inherit it.
func StampSocket(socket syscall.Conn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return wire.Control("", "", raw)
}

// WallClock is the clock of the kernel's stamps: without a monotonic part, a
// difference to one of them is what it seems.
func WallClock() time.Time { return time.Now().Round(0) }
