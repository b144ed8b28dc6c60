package list

import "testing"

func TestWritten(t *testing.T) {
	for object, want := range map[string]string{
		`{"url": "https://a.example", "name": "a", "group": "g"}`:                    "a|g",
		` {"name":"a\"\u00fc\\","headers":{"name":"inner","group":["x"]},"group":1}`: `a"ü\|`,
		`{"body": "\"name\": \"no\"", "tls": {"a": [{"name": "inner"}]}, "name":""}`: "|",
		`{"x": [1, {"y": "]}"}], "n": null, "t": true, "group" : "g" , "u": -1.5e3}`: "|g",
		`{"names": "x", "nam": "y"}`: "|", `{"name": "a"`: "a|", `{"name": "a`: "|", `{"name"`: "|", `"name"`: "|", `{`: "|", `{"name":`: "|", `{"name" "a", "group"}`: "a|", ``: "|", `{,,,"name":"a"}`: "a|",
	} {
		name, group := Written([]byte(object))
		if got := string(name) + "|" + string(group); got != want {
			t.Errorf("%s: %s, want %s", object, got, want)
		}
	}
}

func FuzzWritten(f *testing.F) {
	f.Add([]byte(`{"name": "a", "x": [{}], "group": "\u00fc"}`))
	f.Fuzz(func(_ *testing.T, object []byte) { Written(object) })
}
