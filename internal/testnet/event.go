package testnet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Event returns a copy of an event that can be run against the test network by
// somebody who may not listen on ports 80 and 443: every URL without a port
// whose host is a server's gets that server's port, and such a target without
// a name gets the one that it would have had, so that ports change no name. A
// string becomes an object with "name" and "url" for that.
//
// The name is host and path, after "http://" where the scheme is that. It is
// the right one for targets whose objects set no field of the request and whose
// URLs have no query: for others, give a name.
func (s *Net) Event(data []byte) ([]byte, error) {
	var event map[string]json.RawMessage
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	for _, list := range []string{"urls", "Items"} {
		var targets []json.RawMessage
		if json.Unmarshal(event[list], &targets) != nil {
			continue // not a list: whoever reads the event will say so
		}
		for i, target := range targets {
			targets[i] = s.ported(target)
		}
		event[list] = encoded(targets)
	}
	return encoded(event), nil
}

// ported is a target, a string or an object, with the port of its host.
func (s *Net) ported(target json.RawMessage) json.RawMessage {
	fields := map[string]json.RawMessage{}
	var raw string
	if json.Unmarshal(target, &raw) != nil {
		if json.Unmarshal(target, &fields) != nil || json.Unmarshal(fields["url"], &raw) != nil {
			return target
		}
	}
	name, url, ok := s.port(raw)
	if !ok {
		return target
	}
	if fields["name"] == nil {
		fields["name"] = encoded(name)
	}
	fields["url"] = encoded(url)
	return encoded(fields)
}

// encoded is v as JSON, with <, > and & as they are.
func encoded(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(v) // strings and raw messages that were decoded before always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// port adds the port to a URL that has none, and returns the name that
// a target with the URL as it was has. ok is false if the URL is not for the
// test network, or reaches nothing there.
func (s *Net) port(raw string) (name, ported string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Port() != "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	port, known := s.Hosts.Port(u.Scheme, u.Hostname())
	if !known || port == 0 {
		return "", "", false
	}
	name = Canonical(u.Hostname())
	if u.Path != "/" {
		name += u.EscapedPath()
	}
	if u.Scheme == "http" {
		name = "http://" + name
	}
	begin := strings.Index(raw, "//") + 2
	end := begin + len(raw[begin:])
	if i := strings.IndexAny(raw[begin:], "/?#"); i >= 0 {
		end = begin + i
	}
	return name, raw[:end] + ":" + strconv.Itoa(int(port)) + raw[end:], true
}
