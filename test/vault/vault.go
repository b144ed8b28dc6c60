// Package vault is Parameter Store and Secrets Manager on loopback, as far as the
// function uses them.
package vault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"rollcall/internal/testnet"
)

// A Vault responds to GetParameters and GetSecretValue over plain HTTP, and
// refuses what AWS refuses: more than ten names, and all names of a request of
// which one is not allowed. It is safe for concurrent use.
type Vault struct {
	server *testnet.Listener

	mu       sync.Mutex
	values   map[string]string  // by "ssm /name", "ssm /name:3" or "secretsmanager name"
	refusals map[string]Refusal // likewise
	next     []Refusal          // of the next requests
	requests []string           // "ssm /a,/b", "secretsmanager name"
}

// A Refusal is a response that is not a success.
type Refusal struct {
	Code, Message string
}

// New starts a vault on a free port of 127.0.0.1.
func New() (*Vault, error) {
	v := &Vault{values: map[string]string{}, refusals: map[string]Refusal{}}
	var err error
	v.server, err = testnet.ServeWeb(v, nil)
	return v, err
}

// URL returns the endpoint of both services.
func (v *Vault) URL() string { return "http://" + v.server.Addr().String() }

// Close ends the server and waits for its goroutines.
func (v *Vault) Close() error { return v.server.Close() }

// Set gives "ssm /name", "ssm /name:version" or "secretsmanager name" a value;
// one that is refused is no longer.
func (v *Vault) Set(of, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values[of] = value
	delete(v.refusals, of)
}

// Refuse refuses an item; the zero Refusal ends that.
func (v *Vault) Refuse(of string, r Refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refusals[of] = r; r == (Refusal{}) {
		delete(v.refusals, of)
	}
}

// RefuseNext refuses the next n requests, whatever they ask for.
func (v *Vault) RefuseNext(n int, r Refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next = slices.Repeat([]Refusal{r}, n)
}

// Requests returns what was asked for since the last call: "ssm /a,/b".
func (v *Vault) Requests() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	requests := v.requests
	v.requests = nil
	return requests
}

const (
	getParameters  = "AmazonSSM.GetParameters"
	getSecretValue = "secretsmanager.GetSecretValue"
	mostNames      = 10
)

// ServeHTTP takes the two operations in AWS's JSON protocol.
func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Names          []string
		WithDecryption bool
		SecretId       string
	}
	target := r.Header.Get("X-Amz-Target")
	err := json.NewDecoder(r.Body).Decode(&in)
	v.mu.Lock()
	defer v.mu.Unlock()
	kind, names := "ssm", in.Names
	if target == getSecretValue {
		kind, names = "secretsmanager", []string{in.SecretId}
	}
	v.requests = append(v.requests, kind+" "+strings.Join(names, ","))
	switch {
	case err != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") || len(names) == 0 || len(names) > mostNames:
		refuse(w, Refusal{"ValidationException", "not a request that AWS takes"})
		return
	case target != getSecretValue && (target != getParameters || !in.WithDecryption):
		refuse(w, Refusal{"UnknownOperationException", target})
		return
	case len(v.next) > 0:
		refuse(w, v.next[0])
		v.next = v.next[1:]
		return
	}
	for _, name := range names {
		if refusal, ok := v.refusals[kind+" "+name]; ok {
			refuse(w, refusal)
			return
		}
	}
	if target == getSecretValue {
		text, ok := v.values[kind+" "+in.SecretId]
		if !ok {
			refuse(w, Refusal{"ResourceNotFoundException", "Secrets Manager can't find the specified secret."})
			return
		}
		respond(w, http.StatusOK, map[string]any{"Name": in.SecretId, "SecretString": text, "CreatedDate": time.Now().Unix()})
		return
	}
	found, invalid := []any{}, []string{}
	for _, name := range names {
		text, ok := v.values[kind+" "+name]
		if !ok {
			invalid = append(invalid, name)
			continue
		}
		parameter := map[string]any{"Type": "SecureString", "Value": text, "ARN": "arn:aws:ssm:eu-central-1:123456789012:parameter/" + strings.TrimPrefix(name, "/")}
		bare, selector, selected := strings.Cut(name, ":")
		if parameter["Name"] = bare; selected {
			parameter["Selector"] = ":" + selector
		}
		found = append(found, parameter)
	}
	respond(w, http.StatusOK, map[string]any{"Parameters": found, "InvalidParameters": invalid})
}

func refuse(w http.ResponseWriter, r Refusal) {
	respond(w, http.StatusBadRequest, map[string]any{"__type": r.Code, "message": r.Message})
}

func respond(w http.ResponseWriter, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is made of texts
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s", text)
}
