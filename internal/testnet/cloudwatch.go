package testnet

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

const (
	putMetricData = "POST /service/GraniteServiceVersion20100801/operation/PutMetricData"
	smithyRPC     = "rpc-v2-cbor"
	cborType      = "application/cbor"

	// The table of AWS's documentation says 1 MB, not whether that is decimal
	// or counted after gzip: this is the stricter reading of both.
	maxRequestBytes = 1_000_000
)

// A Mode is one way in which the CloudWatch can treat a request.
type Mode uint8

// The modes.
const (
	Normal              Mode = iota // keeps what is right, refuses what is wrong
	Throttled                       // 400 Throttling
	AccessDenied                    // 403 AccessDenied
	Failing                         // 500 InternalServiceError
	Hanging                         // never responds, keeps nothing
	ResetAfterAccepting             // keeps what is right, then resets the connection
	Garbage                         // 200 with a body that is not CBOR, keeps nothing
	TooLarge                        // 413 RequestEntityTooLarge, however small it is
	Dripping                        // keeps what is right, responds a byte every 100 ms: some 20 s in all
	CutShort                        // 200 with a body that ends in the middle, as its connection does; keeps nothing

	modes // their number
)

// dripPause is what a Dripping response waits after each byte.
const dripPause = 100 * time.Millisecond

// A Fault is what the CloudWatch does with one request: after a delay, a mode.
type Fault struct {
	Mode  Mode
	Delay time.Duration
}

// A Request is what the CloudWatch remembers of one request.
type Request struct {
	At        time.Time // when it came
	Namespace string    // empty if it could not be read
	Datums    int       // in it, accepted or not
	Wire      int       // bytes of its body as they came
	Bytes     int       // bytes of its body, decompressed
	Gzip      bool
	Kept      int    // datums that were accepted, though the client may not know
	Status    int    // of our response; 0 if there was none, or it was late or incomplete
	Code      string // of our refusal; empty if accepted
	Message   string // of our refusal
}

// A CloudWatch takes PutMetricData by Smithy's RPC v2 CBOR over plain HTTP and
// refuses what the real one refuses. It is safe for concurrent use.
type CloudWatch struct {
	server *Listener

	mu       sync.Mutex
	fault    func(attempt int) Fault // nil: as random decides
	random   RandomFaults
	together map[uint64]uint64 // how often the same datums came together; nil before SetRandomFaults
	received int
	accepted []Datum
	requests []Request
}

// NewCloudWatch starts a CloudWatch without faults on a free port of 127.0.0.1.
func NewCloudWatch() (*CloudWatch, error) {
	c := &CloudWatch{}
	mux := http.NewServeMux()
	mux.HandleFunc(putMetricData, c.put)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, &refusal{http.StatusNotFound, "UnknownOperationException", "UnknownOperation", "this test network takes PutMetricData only"})
	})
	var err error
	c.server, err = ServeWeb(mux, nil)
	return c, err
}

// URL returns the endpoint.
func (c *CloudWatch) URL() string { return "http://" + c.server.Addr().String() }

// Close ends the server and waits for its goroutines.
func (c *CloudWatch) Close() error { return c.server.Close() }

// SetFault lets fault say how each request is treated; attempt counts all
// requests since the start, from 1. nil removes the faults. The function is called
// by several goroutines.
func (c *CloudWatch) SetFault(fault func(attempt int) Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

// Always is a fault for SetFault that treats every request the same.
func Always(f Fault) func(int) Fault { return func(int) Fault { return f } }

// Accepted returns what was accepted so far, in the order of arrival.
func (c *CloudWatch) Accepted() []Datum {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.accepted)
}

// Requests returns the requests that have been treated so far.
func (c *CloudWatch) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// put treats one request as its fault says.
func (c *CloudWatch) put(w http.ResponseWriter, r *http.Request) {
	seen := Request{At: time.Now(), Gzip: r.Header.Get("Content-Encoding") == "gzip"}
	attempt := c.next()
	datums, refused := receive(r, &seen)
	fault, refusedDatum := c.faultFor(attempt, datums)
	Wait(r.Context(), fault.Delay)
	switch fault.Mode {
	case Normal, ResetAfterAccepting, Dripping:
		if refused == nil && refusedDatum != nil {
			datums, refused = nil, refusedDatum
		}
	case Hanging, Garbage, CutShort:
		datums, refused = nil, nil
	default:
		datums, refused = nil, refusalOf(fault.Mode)
	}
	seen.Kept, seen.Status = len(datums), statusOf(fault.Mode, refused)
	if refused != nil {
		seen.Code, seen.Message = refused.code, refused.message
	}
	c.remember(seen, datums)
	respond(w, r, fault.Mode, refused)
}

// statusOf is the status of a prompt and complete response, 0 if there is none.
func statusOf(m Mode, refused *refusal) int {
	switch {
	case m == Hanging || m == ResetAfterAccepting || m == CutShort:
		return 0
	case refused != nil:
		return refused.status
	case m == Dripping:
		return 0
	}
	return http.StatusOK
}

// next counts a request, from 1.
func (c *CloudWatch) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received++
	return c.received
}

// remember keeps a request and what of it was accepted, all or nothing.
func (c *CloudWatch) remember(seen Request, accepted []Datum) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, seen)
	c.accepted = append(c.accepted, accepted...)
}

// respond responds as a mode does.
func respond(w http.ResponseWriter, r *http.Request, mode Mode, refused *refusal) {
	switch {
	case mode == Hanging:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case mode == ResetAfterAccepting:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	case mode == Garbage:
		w.Header().Set("Smithy-Protocol", smithyRPC)
		io.WriteString(w, "\xffthis is not CBOR")
	case mode == CutShort:
		text := completeResponse(string(cbor.Encode(cbor.Map{"unfinished": cbor.String("it is cut short")})))
		writePart(w, text[:len(text)-9])
	case refused != nil:
		refuse(w, refused)
	case mode == Dripping:
		drip(w, r, completeResponse(string(cbor.Encode(cbor.Map{}))))
	default:
		reply(w, http.StatusOK, cbor.Map{})
	}
}

// receive reads a request's datums, or says why they are refused.
func receive(r *http.Request, seen *Request) ([]Datum, *refusal) {
	body, refused := readBody(r, seen)
	if refused != nil {
		return nil, refused
	}
	if refused := checkHeaders(r.Header); refused != nil {
		return nil, refused
	}
	decoded, err := cbor.Decode(body)
	if err != nil {
		return nil, malformed("the body is not CBOR: " + err.Error())
	}
	input, ok := decoded.(cbor.Map)
	if !ok {
		return nil, malformed("the body is not a map")
	}
	return readInput(input, time.Now(), seen)
}

// readBody reads and decompresses a body, no more of it than a request may have.
func readBody(r *http.Request, seen *Request) ([]byte, *refusal) {
	wire := &meter{r: r.Body}
	var plain io.Reader = wire
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		unzipped, err := gzip.NewReader(wire)
		if err != nil {
			return nil, malformed("the body is not gzip: " + err.Error())
		}
		plain = unzipped
	default:
		return nil, malformed("the content encoding " + encoding + " is not known")
	}
	body, err := io.ReadAll(io.LimitReader(plain, maxRequestBytes+1))
	seen.Wire, seen.Bytes = wire.n, len(body)
	if err != nil {
		return nil, malformed("reading the body: " + err.Error())
	}
	if len(body) > maxRequestBytes {
		return nil, tooLarge("the request has more than 1 MB")
	}
	return body, nil
}

// A meter counts the bytes read through it.
type meter struct {
	r io.Reader
	n int
}

// Read reads and counts.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += n
	return n, err
}

// checkHeaders refuses a request that is not in the protocol or not signed.
// It does not verify the signature.
func checkHeaders(h http.Header) *refusal {
	switch {
	case h.Get("Smithy-Protocol") != smithyRPC:
		return &refusal{http.StatusNotFound, "UnknownOperationException", "UnknownOperation", "the header Smithy-Protocol does not say " + smithyRPC}
	case h.Get("Content-Type") != cborType:
		return malformed("the content type is not " + cborType)
	case h.Get("Authorization") == "":
		return &refusal{http.StatusForbidden, "MissingAuthenticationTokenException", "MissingAuthenticationToken", "Request is missing Authentication Token"}
	case !strings.HasPrefix(h.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		return &refusal{http.StatusForbidden, "IncompleteSignatureException", "IncompleteSignature", "the Authorization header is not an AWS4-HMAC-SHA256 signature"}
	}
	return nil
}

// A refusal is an error as the protocol has it.
type refusal struct {
	status  int
	shape   string // the name of its type
	code    string // the code that the client shows, from the protocol's predecessor
	message string
}

func malformed(message string) *refusal {
	return &refusal{http.StatusBadRequest, "SerializationException", "SerializationException", message}
}

func tooLarge(message string) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "RequestEntityTooLarge", message}
}

// refusalOf is the refusal that a mode stands for.
func refusalOf(m Mode) *refusal {
	switch m {
	case Throttled:
		return &refusal{http.StatusBadRequest, "Throttling", "Throttling", "Rate exceeded"}
	case TooLarge:
		return tooLarge("the test network is set to refuse it as too large")
	case AccessDenied:
		return &refusal{http.StatusForbidden, "AccessDenied", "AccessDenied",
			"User: arn:aws:sts::123456789012:assumed-role/testnet/rollcall is not authorized to perform: cloudwatch:PutMetricData"}
	}
	return &refusal{http.StatusInternalServerError, "InternalServiceFault", "InternalServiceError", "the test network is set to fail"}
}

// refuse responds with an error.
func refuse(w http.ResponseWriter, r *refusal) {
	party := "Sender"
	if r.status >= http.StatusInternalServerError {
		party = "Receiver"
	}
	w.Header().Set("X-Amzn-Query-Error", r.code+";"+party)
	reply(w, r.status, cbor.Map{
		"__type":  cbor.String("com.amazonaws.cloudwatch#" + r.shape),
		"message": cbor.String(r.message),
	})
}

func reply(w http.ResponseWriter, status int, body cbor.Map) {
	w.Header().Set("Smithy-Protocol", smithyRPC)
	w.Header().Set("Content-Type", cborType)
	w.Header().Set("X-Amzn-Requestid", newID())
	w.WriteHeader(status)
	w.Write(cbor.Encode(body))
}
