package testnet

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rollcall/internal/pause"
)

// RandomFaults are faults at random, reproducible by their seed: a request's is
// a hash of the seed, of the series of its datums in whatever order, and of how
// often these came together before; a datum's is a hash of the seed and of its
// series. Values and times have no part in it, so that two runs over the same
// targets with the same seed meet the same faults.
type RandomFaults struct {
	Seed   uint64
	Shares map[Mode]float64 // of requests, 0 to 1, at most 1 together; the rest is Normal
	Refuse float64          // the share of series whose datums are refused as invalid whenever they come
}

// SetRandomFaults lets f say how each request is treated while SetFault has set
// nothing. What a limit refuses is refused all the same.
func (c *CloudWatch) SetRandomFaults(f RandomFaults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.random, c.together = f, map[uint64]uint64{}
}

// Refuses reports whether a datum is one of those that are always refused.
func (f RandomFaults) Refuses(d Datum) bool {
	const salt = 0x5eed // a datum's chance has nothing to do with a request's
	return f.Refuse > 0 && chance(f.Seed, salt, d.key()) < f.Refuse
}

// mode is how a request with these datums is treated the n-th time, from 1.
func (f RandomFaults) mode(together, n uint64) Mode {
	at := chance(f.Seed, together, n)
	for m := range modes {
		if at -= f.Shares[m]; at < 0 {
			return m
		}
	}
	return Normal
}

// refusal is about the first of the datums that f refuses; nil if there is none.
func (f RandomFaults) refusal(datums []Datum) *refusal {
	i := slices.IndexFunc(datums, f.Refuses)
	if i < 0 {
		return nil
	}
	checked := &fields{path: fmt.Sprintf("MetricData.member.%d.", i+1)}
	checked.invalid("MetricName", "is one that the test network is set to refuse")
	return checked.err
}

// faultFor says how to treat a request with these datums.
func (c *CloudWatch) faultFor(attempt int, datums []Datum) (Fault, *refusal) {
	c.mu.Lock()
	fault, random := c.fault, c.random
	together := uint64(0)
	for _, d := range datums {
		together += d.key()
	}
	if c.together != nil {
		c.together[together]++
	}
	n := c.together[together]
	c.mu.Unlock()
	if fault != nil {
		return fault(attempt), nil
	}
	return Fault{Mode: random.mode(together, n)}, random.refusal(datums)
}

// key is a hash of a datum's series, the same in every process.
func (d Datum) key() uint64 {
	h := fnv.New64a()
	for _, part := range append([]string{d.Namespace, d.Metric}, dimensionNames(d.Dimensions)...) {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return mixed(h.Sum64())
}

func dimensionNames(dimensions []Dimension) []string {
	names := make([]string, len(dimensions))
	for i, d := range dimensions {
		names[i] = d.Name + "=" + d.Value
	}
	slices.Sort(names)
	return names
}

// chance is a number from 0 up to 1 that a list of numbers decides.
func chance(of ...uint64) float64 {
	h := fnv.New64a()
	for _, n := range of {
		h.Write(binary.LittleEndian.AppendUint64(nil, n))
	}
	return float64(mixed(h.Sum64())>>11) / (1 << 53)
}

// mixed spreads a hash over all its bits: FNV's upper ones are poor. It is the
// finalizer of splitmix64 (Steele, Lea and Flood, 2014).
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// completeResponse is an HTTP/1.1 response, as bytes.
func completeResponse(body string) string {
	return strings.Join([]string{
		"HTTP/1.1 200 OK", "Smithy-Protocol: " + smithyRPC, "Content-Type: " + cborType,
		"Content-Length: " + strconv.Itoa(len(body)), "X-Amzn-Requestid: " + newID(), "", body,
	}, "\r\n")
}

// drip responds a byte at a time, until it is done or the client has gone.
func drip(w http.ResponseWriter, r *http.Request, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil || !pause.For(r.Context(), dripPause) {
			return
		}
	}
}

// writePart writes a part of a response and closes the connection.
func writePart(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Write([]byte(text))
}
