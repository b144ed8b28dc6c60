package testnet

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// A Tamper makes of a response by UDP the packets that are sent in its
// place, in order. The query came for the nth time, counted from 1 by name
// and type. It may change neither slice.
type Tamper func(nth int, question dnsmessage.Question, response []byte) [][]byte

// A Tampered is a DNS server on one port of 127.0.0.1 that responds as a
// Resolver does, by UDP with what a Tamper makes of it.
type Tampered struct {
	resolver *Resolver
	tamper   Tamper
	udp      *net.UDPConn
	tcp      *Listener
	tasks    Tasks

	mu     sync.Mutex
	counts map[query]int
}

// Tamper starts a server that tampers with the responses of r by UDP.
func (r *Resolver) Tamper(tamper Tamper) (*Tampered, error) {
	t := &Tampered{resolver: r, tamper: tamper, counts: map[query]int{}}
	var err error
	for range BindAttempts {
		if t.tcp, err = ServeRaw(r.serveTCP); err != nil {
			return nil, err
		}
		if t.udp, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(t.Addr())); err == nil {
			t.udp.SetReadBuffer(readBuffer) // as far as the system allows
			t.tasks.Go(t.serveUDP)
			return t, nil
		}
		t.tcp.Close()
	}
	return nil, fmt.Errorf("finding a port for the tampering resolver: %w", err)
}

// Addr returns where the server listens.
func (t *Tampered) Addr() netip.AddrPort { return t.tcp.Addr() }

// Close ends the server and waits for its goroutines.
func (t *Tampered) Close() error {
	t.udp.Close()
	t.tasks.Wait()
	return t.tcp.Close()
}

func (t *Tampered) serveUDP() {
	buf := make([]byte, maxDNSQuestion)
	for {
		n, from, err := t.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		for _, packet := range t.packets(buf[:n]) {
			t.udp.WriteToUDPAddrPort(packet, from)
		}
	}
}

func (t *Tampered) packets(question []byte) [][]byte {
	response := t.resolver.reply(question, false)
	var p dnsmessage.Parser
	if _, err := p.Start(question); err != nil || response == nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	t.mu.Lock()
	key := query{Canonical(q.Name.String()), q.Type}
	t.counts[key]++
	nth := t.counts[key]
	t.mu.Unlock()
	return t.tamper(nth, q, response)
}

// WrongID is the response with another query's id.
func WrongID(response []byte) []byte {
	wrong := append([]byte(nil), response...)
	binary.BigEndian.PutUint16(wrong, binary.BigEndian.Uint16(response)+1)
	return wrong
}

// WrongQuestion is the response to a query that was not sent: of another
// class, which Go's resolver never asks for.
func WrongQuestion(response []byte) []byte {
	return rewritten(response, func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS })
}

// OtherName is the response for another name.
func OtherName(response []byte) []byte {
	return rewritten(response, func(m *dnsmessage.Message) {
		m.Questions[0].Name = dnsmessage.MustNewName("other." + m.Questions[0].Name.String())
	})
}

// NoResponse is the response marked as a query.
func NoResponse(response []byte) []byte {
	return rewritten(response, func(m *dnsmessage.Message) { m.Response = false })
}

// Shortened is the response without its last eight bytes.
func Shortened(response []byte) []byte {
	return append([]byte(nil), response[:max(len(response)-8, 0)]...)
}

// Truncated is an empty response with the flag TC: ask by TCP.
func Truncated(response []byte) []byte {
	return rewritten(response, func(m *dnsmessage.Message) { m.Truncated, m.Answers, m.Authorities = true, nil, nil })
}

// Aliased is the response behind a chain of n aliases.
func Aliased(response []byte, n int) []byte {
	return rewritten(response, func(m *dnsmessage.Message) {
		name := m.Questions[0].Name
		var chain []dnsmessage.Resource
		for i := range n {
			next := dnsmessage.MustNewName(fmt.Sprintf("alias-%d.example.", i))
			header := dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET, TTL: 30}
			chain = append(chain, dnsmessage.Resource{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: next}})
			name = next
		}
		for i := range m.Answers {
			m.Answers[i].Header.Name = name
		}
		m.Answers = append(chain, m.Answers...)
	})
}

func rewritten(response []byte, change func(*dnsmessage.Message)) []byte {
	var m dnsmessage.Message
	if m.Unpack(response) != nil {
		return response
	}
	change(&m)
	packed, err := m.Pack()
	if err != nil {
		return response
	}
	return packed
}

// Failed is an empty response with a code of failure.
func Failed(response []byte, code dnsmessage.RCode) []byte {
	return rewritten(response, func(m *dnsmessage.Message) { m.RCode, m.Answers, m.Authorities = code, nil, nil })
}
