// Package sns is Amazon SNS on loopback, as far as the function uses it: Publish, as
// its API reference has it, with its limits.
package sns

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"rollcall/internal/testnet"
)

// An SNS keeps what is published to its topics. It is safe for concurrent use.
type SNS struct {
	server *testnet.Listener
	topics []string

	mu       sync.Mutex
	accepted []Message
	refuse   string // a code; "": nothing is refused
	before   func() // a message is accepted; nil: nothing
	after    func() // it was, and before the response
}

// A Message is one that was accepted.
type Message struct {
	Topic, Subject, Body string
	Structure            string            // "json" or ""
	Attributes           map[string]string // values as they came
	Texts                map[string]string // by protocol, of the structure json
}

// NewSNS starts an SNS with topics, by their ARNs, on a free port of 127.0.0.1.
func NewSNS(topics ...string) (*SNS, error) {
	s := &SNS{topics: topics}
	var err error
	s.server, err = testnet.ServeWeb(s, nil)
	return s, err
}

// URL returns the endpoint.
func (s *SNS) URL() string { return "http://" + s.server.Addr().String() }

// Close ends the server and waits for its goroutines.
func (s *SNS) Close() error { return s.server.Close() }

// Refuse refuses all messages with an error code from now on; "": none.
func (s *SNS) Refuse(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

// Around calls functions before a message is accepted and after it was.
func (s *SNS) Around(before, after func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// Accepted returns what was accepted, in order.
func (s *SNS) Accepted() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// ServeHTTP takes Publish.
func (s *SNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const largest = 256 << 10 // a message with its attributes
	r.Body = http.MaxBytesReader(w, r.Body, 4<<20)
	if err := r.ParseForm(); err != nil {
		refusal(w, http.StatusBadRequest, "MalformedInput", err.Error())
		return
	}
	m := Message{Topic: r.PostForm.Get("TopicArn"), Subject: r.PostForm.Get("Subject"), Body: r.PostForm.Get("Message"), Structure: r.PostForm.Get("MessageStructure"), Attributes: map[string]string{}}
	size := len(m.Body)
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name := r.PostForm.Get(entry + "Name")
		if name == "" {
			break
		}
		value, kind := r.PostForm.Get(entry+"Value.StringValue"), r.PostForm.Get(entry+"Value.DataType")
		m.Attributes[name] = value
		size += len(name) + len(value) + len(kind)
		var list []any
		if value == "" || kind != "String" && kind != "Number" && (kind != "String.Array" || json.Unmarshal([]byte(value), &list) != nil) {
			refusal(w, http.StatusBadRequest, "ParameterValueInvalid", "the attribute "+name)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.PostForm.Get("Action") != "Publish":
		refusal(w, http.StatusBadRequest, "InvalidAction", "")
	case s.refuse != "":
		status := http.StatusBadRequest
		if strings.Contains(s.refuse, "Authorization") {
			status = http.StatusForbidden
		}
		refusal(w, status, s.refuse, "as the test is set")
	case !slices.Contains(s.topics, m.Topic):
		refusal(w, http.StatusNotFound, "NotFound", "Topic does not exist")
	case m.Subject == "" || len(m.Subject) >= 100 || strings.ContainsFunc(m.Subject, func(c rune) bool { return c < ' ' || c > '~' }) || m.Subject[0] == ' ':
		refusal(w, http.StatusBadRequest, "InvalidParameter", "Subject")
	case m.Body == "" || size > largest:
		refusal(w, http.StatusBadRequest, "InvalidParameter", "Message")
	case m.Structure == "json" && (json.Unmarshal([]byte(m.Body), &m.Texts) != nil || m.Texts["default"] == ""):
		refusal(w, http.StatusBadRequest, "InvalidParameter", "Message Structure - JSON message body failed to parse")
	default:
		if s.before != nil {
			s.before()
		}
		s.accepted = append(s.accepted, m)
		if s.after != nil {
			s.after()
		}
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>%d</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>`, len(s.accepted))
	}
}

func refusal(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>`, code)
	xml.EscapeText(w, []byte(message))
	fmt.Fprint(w, `</Message></Error><RequestId>r</RequestId></ErrorResponse>`)
}
