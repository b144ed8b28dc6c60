// Package s3 is Amazon S3 on loopback, as far as the function uses it.
package s3

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"rollcall/internal/testnet"
)

// An S3 keeps the objects that are put into it over plain HTTP, each below its
// bucket's name, and checks what the real one checks: that the bucket is there,
// the body the one that was signed, the Region its own, and the signature (AWS,
// "Create a signed AWS API request") right. It gives objects to whoever asks for
// them by key, version or what has changed. It is safe for concurrent use.
type S3 struct {
	server *testnet.Listener
	secret string

	mu      sync.Mutex
	mode    testnet.Mode
	times   int    // requests that mode is for; negative: all
	cut     bool   // objects are sent to their middle
	region  string // where the buckets are; "": where everybody asks for them
	buckets []string
	objects map[string][]Object // the newest one last
	asked   int
	before  func(at string) // an object is put; nil: nothing
	after   func(at string) // it was, and before the response
}

// An Object is what an S3 keeps.
type Object struct {
	Body            []byte
	ContentType     string
	ContentEncoding string
	CacheControl    string
	Owner           string // that the request named
	Tag             string // its entity tag, with quotes
}

// maxObjectBytes is far more than any page of ours.
const maxObjectBytes = 64 << 20

// NewS3 starts an S3 with buckets on a free port of 127.0.0.1. secret is the
// secret access key of everybody.
func NewS3(secret string, buckets ...string) (*S3, error) {
	s := &S3{secret: secret, buckets: buckets, objects: map[string][]Object{}}
	var err error
	s.server, err = testnet.ServeWeb(s, nil)
	return s, err
}

// URL returns the endpoint.
func (s *S3) URL() string { return "http://" + s.server.Addr().String() }

// Close ends the server and waits for its goroutines.
func (s *S3) Close() error { return s.server.Close() }

// SetFault treats the next n requests (negative: all) in a mode: one of
// Throttled, AccessDenied, Failing, Hanging and ResetAfterAccepting, which here
// accepts nothing.
func (s *S3) SetFault(mode testnet.Mode, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode, s.times = mode, times
}

// CutOff sends objects to their middle only, and then ends the connection; or no
// longer.
func (s *S3) CutOff(cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cut
}

// SetRegion says where the buckets are: requests that are signed for another
// Region are sent there.
func (s *S3) SetRegion(region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.region = region
}

// Around calls functions before an object is put and after it was, with
// "bucket/key".
func (s *S3) Around(before, after func(at string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// Object returns what lies at "bucket/key".
func (s *S3) Object(at string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, _, ok := s.version(at, "")
	return o, ok
}

// version returns a version of an object, by its id, which is its number
// counted from 1; "": the newest. The S3 is locked.
func (s *S3) version(at, id string) (o Object, number int, ok bool) {
	versions := s.objects[at]
	number = len(versions)
	if id != "" {
		number, _ = strconv.Atoi(strings.TrimPrefix(id, "version-"))
	}
	if number < 1 || number > len(versions) {
		return Object{}, 0, false
	}
	return versions[number-1], number, true
}

// Requests is how many requests have come.
func (s *S3) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Put makes an object as a test wants it, at "bucket/key".
func (s *S3) Put(at string, body []byte) { s.PutObject(at, Object{Body: body}) }

// PutObject does so with the type and the encoding that the object has. It is its newest version.
func (s *S3) PutObject(at string, o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Tag = tagOf(o.Body)
	s.objects[at] = append(s.objects[at], o)
}

func tagOf(body []byte) string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(body))) }

// ServeHTTP takes PutObject, with conditions, GetObject and CopyObject in the style
// of paths.
func (s *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxObjectBytes))
	if err != nil {
		return // the client has gone
	}
	switch s.treat() {
	case testnet.Throttled:
		objectRefusal(w, http.StatusServiceUnavailable, "SlowDown")
	case testnet.AccessDenied:
		objectRefusal(w, http.StatusForbidden, "AccessDenied")
	case testnet.Failing:
		objectRefusal(w, http.StatusInternalServerError, "InternalError")
	case testnet.Hanging:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case testnet.ResetAfterAccepting:
		panic(http.ErrAbortHandler)
	default:
		s.serve(w, r, body)
	}
}

func (s *S3) treat() testnet.Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.times == 0 {
		return testnet.Normal
	}
	s.times--
	return s.mode
}

func (s *S3) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	sum := sha256.Sum256(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method != http.MethodPut && r.Method != http.MethodGet || key == "":
		objectRefusal(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	case r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]):
		objectRefusal(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch")
	case !signedBy(r, s.secret):
		objectRefusal(w, http.StatusForbidden, "SignatureDoesNotMatch")
	case !slices.Contains(s.buckets, bucket):
		objectRefusal(w, http.StatusNotFound, "NoSuchBucket")
	case s.region != "" && !strings.Contains(r.Header.Get("Authorization"), "/"+s.region+"/s3/"):
		w.Header().Set("X-Amz-Bucket-Region", s.region)
		objectRefusal(w, http.StatusMovedPermanently, "PermanentRedirect")
	case r.Method == http.MethodGet:
		s.get(w, r, bucket+"/"+key)
	default:
		s.put(w, r, bucket+"/"+key, body)
	}
}

// put makes an object of a body or of another object, if it may. The S3 is locked.
func (s *S3) put(w http.ResponseWriter, r *http.Request, at string, body []byte) {
	old, _, there := s.version(at, "")
	if from := r.Header.Get("X-Amz-Copy-Source"); from != "" {
		source, _, known := s.version(from, "")
		if !known {
			objectRefusal(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		s.objects[at] = append(s.objects[at], source)
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprintf(w, `<CopyObjectResult><ETag>%s</ETag></CopyObjectResult>`, source.Tag)
		return
	}
	match := r.Header.Get("If-Match")
	switch {
	case r.Header.Get("If-None-Match") == "*" && there, match != "" && there && match != old.Tag:
		objectRefusal(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case match != "" && !there:
		objectRefusal(w, http.StatusNotFound, "NoSuchKey")
	default:
		if s.before != nil {
			s.before(at)
		}
		if s.after != nil {
			defer s.after(at)
		}
		o := Object{
			Body: body, ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding"),
			CacheControl: r.Header.Get("Cache-Control"), Owner: r.Header.Get("X-Amz-Expected-Bucket-Owner"), Tag: tagOf(body),
		}
		s.objects[at] = append(s.objects[at], o)
		w.Header().Set("ETag", o.Tag)
	}
}

// get sends an object, unless the client knows it. The S3 is locked.
func (s *S3) get(w http.ResponseWriter, r *http.Request, at string) {
	id := r.URL.Query().Get("versionId")
	o, number, ok := s.version(at, id)
	switch {
	case !ok && id != "":
		objectRefusal(w, http.StatusNotFound, "NoSuchVersion")
	case !ok:
		objectRefusal(w, http.StatusNotFound, "NoSuchKey")
	case r.Header.Get("If-None-Match") == o.Tag:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", o.Tag)
		w.Header().Set("X-Amz-Version-Id", fmt.Sprint("version-", number))
		if o.ContentEncoding != "" {
			w.Header().Set("Content-Encoding", o.ContentEncoding)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(o.Body)))
		if !s.cut {
			w.Write(o.Body)
			return
		}
		w.Write(o.Body[:len(o.Body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func objectRefusal(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>as the test is set</Message></Error>`, code)
}

// signedBy reports whether a request has the signature, version 4, that its
// own headers and a secret give.
func signedBy(r *http.Request, secret string) bool {
	fields := map[string]string{}
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	_, scope, scoped := strings.Cut(fields["Credential"], "/") // date/region/service/aws4_request
	names := strings.Split(fields["SignedHeaders"], ";")
	if !ok || !scoped || !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-date") {
		return false
	}
	request := sha256.Sum256([]byte(canonicalRequest(r, names)))
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(request[:])
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(mac(key, text))), []byte(fields["Signature"]))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalRequest is a request in the one form that is signed. A path is percent-
// encoded once, as it is: S3 does not resolve it.
func canonicalRequest(r *http.Request, names []string) string {
	lines := []string{r.Method, encoded(r.URL.Path), strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")}
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		lines = append(lines, name+":"+strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(append(lines, "", strings.Join(names, ";"), r.Header.Get("X-Amz-Content-Sha256")), "\n")
}

// encoded is a path with all encoded but slashes and what RFC 3986 calls
// unreserved.
func encoded(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
