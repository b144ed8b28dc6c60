package function_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"rollcall/internal/testnet"
	"rollcall/test/vault"
)

// withVault starts a function beside a vault, whose items it may use for
// loopback, and a server that wants a token.
func withVault(t *testing.T) (*rig, *vault.Vault, *shop) {
	t.Helper()
	v, err := vault.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	s := &shop{}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return newRig(t, testnet.Options{}, "AWS_ENDPOINT_URL_SSM="+v.URL(), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+v.URL(),
		"ROLLCALL_PARAMETERS="+strings.Join(allowed(), "@127.0.0.1,")+"@127.0.0.1,/elsewhere@*.example.com", "ROLLCALL_SECRETS=shop/api@127.0.0.1,gone@*,deleted@*,denied@*"), v, s
}

// allowed are the parameters that the function may use.
func allowed() []string {
	names := []string{"/shop/token", "/missing", "/denied"}
	for i := range 20 {
		names = append(names, fmt.Sprint("/many/", i))
	}
	return names
}

// A shop takes requests with the right token.
type shop struct {
	server *httptest.Server

	mu       sync.Mutex
	token    string
	requests int
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if r.Header.Get("X-Token") != s.token {
		w.WriteHeader(http.StatusUnauthorized)
	}
	fmt.Fprint(w, r.Header.Get("X-Token"))
}

func (s *shop) set(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.requests = token, 0
}

// target asks a shop with a token that a text has.
func (s *shop) target(name, token string) map[string]any {
	return map[string]any{"name": name, "url": s.server.URL + "/" + name, "headers": map[string]string{"X-Token": token}, "retries": 0}
}

func reasons(s *summary) map[string]string {
	all := map[string]string{}
	for _, r := range s.Results {
		all[r.Name] = strings.TrimPrefix(r.Reason+": "+r.Detail, "ok: ")
	}
	return all
}

// Values are fetched once and kept; where one was replaced, a 401 fetches it
// again, and the target is up in the same run, without retries.
func TestRotatedSecrets(t *testing.T) {
	r, v, s := withVault(t)
	v.Set("ssm /shop/token", "t0k3n-0f-the-first-day")
	v.Set("secretsmanager shop/api", `{"token": "t0k3n-0f-the-first-day"}`)
	s.set("t0k3n-0f-the-first-day")
	event := eventOf(map[string]any{"urls": []any{s.target("parameter", "${ssm:/shop/token}"), s.target("secret", "${secretsmanager:shop/api#token}"), s.target("another", "${ssm:/shop/token}")}})
	for range 2 {
		if sum := r.run(t, event); sum.Up != 3 || sum.Flaky != 0 {
			t.Errorf("%.1000s", sum.raw)
		}
	}
	if got := v.Requests(); fmt.Sprint(got) != "[secretsmanager shop/api ssm /shop/token]" && fmt.Sprint(got) != "[ssm /shop/token secretsmanager shop/api]" {
		t.Errorf("asked for %q", got)
	}
	v.Set("ssm /shop/token", "t0k3n-0f-the-2nd-day")
	v.Set("secretsmanager shop/api", `{"token": "t0k3n-0f-the-2nd-day"}`)
	s.set("t0k3n-0f-the-2nd-day")
	sum := r.run(t, event)
	if sum.Up != 3 || sum.Flaky != 3 || sum.Results[0].Attempts != 2 {
		t.Errorf("rotated: %.1000s", sum.raw)
	}
	if got := v.Requests(); len(got) != 2 || s.requests != 6 {
		t.Errorf("rotated: asked for %q, %d requests", got, s.requests)
	}
	s.set("another one that no store has")
	sum = r.run(t, event)
	if sum.Down != 3 || sum.Results[0].Attempts != 1 || s.requests != 3 {
		t.Errorf("refused: %d requests, %.1000s", s.requests, sum.raw)
	}
	if strings.Contains(string(sum.raw), "t0k3n") {
		t.Errorf("a value is shown: %s", sum.raw)
	}
}

// What can't be had makes its own targets invalid, in words that say why; the
// others run.
func TestValuesThatCanNotBeHad(t *testing.T) {
	r, v, s := withVault(t)
	s.set("right")
	v.Set("ssm /shop/token", "right")
	v.Set("secretsmanager shop/api", `{"token": "right"}`)
	v.Refuse("ssm /denied", vault.Refusal{Code: "AccessDeniedException", Message: "User: x is not authorized to perform: ssm:GetParameters on resource: y"})
	v.Refuse("secretsmanager denied", vault.Refusal{Code: "AccessDeniedException", Message: "Access to KMS is not allowed"})
	v.Refuse("secretsmanager deleted", vault.Refusal{Code: "InvalidRequestException", Message: "You can't perform this operation on the secret because it was marked for deletion."})
	event := eventOf(map[string]any{"urls": []any{
		s.target("good", "${ssm:/shop/token}"), s.target("missing", "${ssm:/missing}"), s.target("version", "${ssm:/shop/token:7}"), s.target("denied", "${ssm:/denied}"),
		s.target("elsewhere", "${ssm:/elsewhere}"), s.target("not-allowed", "${secretsmanager:other}"),
		s.target("secret", "${secretsmanager:shop/api#token}"), s.target("key", "${secretsmanager:shop/api#user}"), s.target("gone", "${secretsmanager:gone}"),
		s.target("deleted", "${secretsmanager:deleted}"), s.target("key-denied", "${secretsmanager:denied}"),
	}})
	sum := r.run(t, event)
	for name, want := range map[string]string{
		"good": "", "secret": "",
		"missing":     "invalid_target: headers.X-Token: ${ssm:/missing} can't be read: there is no such parameter, version or label in the Region",
		"version":     "invalid_target: headers.X-Token: ${ssm:/shop/token:7} can't be read: there is no such parameter, version or label in the Region",
		"denied":      "invalid_target: headers.X-Token: ${ssm:/denied} can't be read: Systems Manager responded 400 AccessDeniedException: allow the role the action ssm:GetParameters on the parameter, and kms:Decrypt where it has a key of yours",
		"elsewhere":   "invalid_target: headers.X-Token: ${ssm:/elsewhere} is not allowed here (ROLLCALL_PARAMETERS=/elsewhere@127.0.0.1 or --parameter /elsewhere@127.0.0.1)",
		"not-allowed": "invalid_target: headers.X-Token: ${secretsmanager:other} is not allowed here (ROLLCALL_SECRETS=other@127.0.0.1 or --secret other@127.0.0.1)",
		"key":         `invalid_target: headers.X-Token: ${secretsmanager:shop/api#user} can't be read: its JSON object has no key "user"`,
		"gone":        "invalid_target: headers.X-Token: ${secretsmanager:gone} can't be read: Secrets Manager responded 400 ResourceNotFoundException: there is no such secret in the Region, or it has no value yet",
		"deleted":     "invalid_target: headers.X-Token: ${secretsmanager:deleted} can't be read: Secrets Manager responded 400 InvalidRequestException: the secret is marked for deletion",
		"key-denied":  "invalid_target: headers.X-Token: ${secretsmanager:denied} can't be read: Secrets Manager responded 400 AccessDeniedException: allow the role the action kms:Decrypt on the key of the secret",
	} {
		if got := reasons(sum)[name]; !strings.HasPrefix(want, strings.TrimSuffix(got, "…")) || (got == "") != (want == "") {
			t.Errorf("%s: %q\nwant %q", name, got, want)
		}
	}
	if sum.Up != 2 || !sum.Healthy {
		t.Errorf("%d are up, healthy %v", sum.Up, sum.Healthy)
	}
	for _, asked := range v.Requests() {
		if strings.Contains(asked, "elsewhere") || strings.Contains(asked, "other") {
			t.Errorf("asked for %s, which is not allowed", asked)
		}
	}
}

// Parameters are fetched in tens. Throttling is retried; what stays away for
// long is used as it was, with a warning.
func TestManyParameters(t *testing.T) {
	r, v, s := withVault(t)
	s.set("right")
	var urls []any
	for i := range 20 {
		v.Set(fmt.Sprint("ssm /many/", i), "right")
		urls = append(urls, s.target(fmt.Sprint(i), fmt.Sprintf("${ssm:/many/%d}", i)))
	}
	throttled := vault.Refusal{Code: "ThrottlingException", Message: "Rate exceeded"}
	v.RefuseNext(1, throttled)
	sum := r.run(t, eventOf(map[string]any{"urls": urls}))
	if got := v.Requests(); sum.Up != 20 || len(got) != 3 || !slices.ContainsFunc(got, func(q string) bool { return strings.Count(q, ",") == 9 }) {
		t.Errorf("asked for %q: %.500s", got, sum.raw)
	}
	cold := newRig(t, testnet.Options{}, "AWS_ENDPOINT_URL_SSM="+v.URL(), "ROLLCALL_PARAMETERS=/many/1@*")
	v.RefuseNext(3, throttled)
	sum = cold.run(t, eventOf(map[string]any{"urls": []any{s.target("1", "${ssm:/many/1}")}}))
	if got := reasons(sum)["1"]; !strings.Contains(got, "Systems Manager responded 400 ThrottlingException: too many requests") {
		t.Errorf("throttled: %q", got)
	}
}

// A value goes to the target's own origin, and to no other after a redirect.
func TestValuesStayAtTheirOrigin(t *testing.T) {
	r, v, s := withVault(t)
	v.Set("ssm /shop/token", "t0k3n-that-stays")
	s.set("")
	from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-Token") != "t0k3n-that-stays" {
			w.WriteHeader(http.StatusForbidden)
		}
		http.Redirect(w, q, s.server.URL+"/", http.StatusFound)
	}))
	defer from.Close()
	sum := r.run(t, eventOf(map[string]any{"urls": []any{map[string]any{
		"name": "redirected", "url": from.URL, "headers": map[string]string{"X-Token": "${ssm:/shop/token}"}, "expect": []string{"status == 200", "body == ''"},
	}}}))
	if sum.Up != 1 || len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], "are sent over http, unencrypted") {
		t.Errorf("%.700s", sum.raw)
	}
}
