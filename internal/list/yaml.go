package list

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rollcall/internal/text"
)

// fromYAML returns a document as JSON in which each value is in the line that it
// has in YAML: so whoever reads the JSON can name it. An error is a [*Fault].
func fromYAML(data []byte) ([]byte, error) {
	if len(data) > maxYAML {
		return nil, &Fault{Message: "is larger than 16 MiB, the maximum for YAML (write JSON, or one URL a line)"}
	}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	err := documents.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, nil
	}
	if err == nil {
		if err = documents.Decode(&second); err == nil {
			return nil, &Fault{second.Line, "begins a second document: an event is one"}
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, faultOfYAML(err)
	}
	w := writer{line: 1, most: min(MaxDocument, leastGrowth+mostGrowth*len(data))}
	w.value(document.Content[0])
	if w.fault != nil {
		return nil, w.fault
	}
	return w.out.Bytes(), nil
}

var lineOfYAML = text.Pattern(`^line (\d+): `)

func faultOfYAML(err error) *Fault {
	message := plain(err)
	if found := lineOfYAML().FindStringSubmatch(message); found != nil {
		line, _ := strconv.Atoi(found[1])
		return &Fault{line, "is not YAML: " + message[len(found[0]):]}
	}
	return &Fault{Message: "is not YAML: " + message}
}

// A writer writes YAML's nodes as JSON.
type writer struct {
	out   bytes.Buffer
	line  int // of the end of out
	depth int
	most  int // bytes of out, and steps
	steps int
	fault *Fault
}

// The bounds of what a document may grow to by its aliases.
const (
	deepestNode = 100
	leastGrowth = 1 << 20 // bytes, and nodes
	mostGrowth  = 20      // for each byte
	tooDeep     = "is nested too deeply: more than 100 levels"
	tooMuch     = "is too much: its aliases make more than twenty times as much of it"
)

// fail keeps the first fault.
func (w *writer) fail(line int, message string) {
	if w.fault == nil {
		w.fault = &Fault{line, message}
	}
}

// value writes a node and what is in it.
func (w *writer) value(n *yaml.Node) {
	if w.fault != nil {
		return
	}
	for ; w.line < n.Line; w.line++ {
		w.out.WriteByte('\n')
	}
	w.depth++
	w.steps++
	defer func() { w.depth-- }()
	switch {
	case w.depth > deepestNode:
		w.fail(n.Line, tooDeep)
		return
	case w.out.Len() > w.most || w.steps > w.most:
		w.fail(n.Line, tooMuch)
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		w.value(n.Alias)
	case yaml.SequenceNode:
		w.out.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				w.out.WriteByte(',')
			}
			w.value(element)
		}
		w.out.WriteByte(']')
	case yaml.MappingNode:
		w.out.WriteByte('{')
		for i, m := range w.members(n, 0) {
			if i > 0 {
				w.out.WriteByte(',')
			}
			for ; w.line < m.key.Line; w.line++ {
				w.out.WriteByte('\n')
			}
			w.out.Write(quoted(m.key.Value))
			w.out.WriteByte(':')
			w.value(m.value)
		}
		w.out.WriteByte('}')
	default:
		w.out.WriteString(scalar(n))
	}
}

// A member is one of a mapping.
type member struct{ key, value *yaml.Node }

// members returns those of a mapping, and then those that it merges (<<) and
// does not have itself. What it has twice is there twice: whoever reads the JSON
// refuses it.
func (w *writer) members(n *yaml.Node, depth int) []member {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	var all []member
	var merged []*yaml.Node
	has := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		m := member{n.Content[i], n.Content[i+1]}
		if m.key.Kind == yaml.AliasNode {
			m.key = m.key.Alias
		}
		switch {
		case m.key.Kind != yaml.ScalarNode:
			w.fail(m.key.Line, "has a key that is not a text")
			return nil
		case m.key.Tag != "!!merge":
			all = append(all, m)
			has[m.key.Value] = true
		case m.value.Kind == yaml.SequenceNode:
			merged = append(merged, m.value.Content...)
		default:
			merged = append(merged, m.value)
		}
	}
	for _, from := range merged {
		if from.Kind == yaml.AliasNode {
			from = from.Alias
		}
		w.steps++ // a mapping may have no member of its own, and merge another one twice
		switch {
		case w.fault != nil:
			return nil
		case from.Kind != yaml.MappingNode:
			w.fail(from.Line, "merges what is not a mapping")
			return nil
		case depth > deepestNode:
			w.fail(from.Line, tooDeep)
			return nil
		case w.steps > w.most:
			w.fail(n.Line, tooMuch)
			return nil
		}
		for _, m := range w.members(from, depth+1) {
			if w.steps++; w.steps > w.most {
				w.fail(n.Line, tooMuch)
				return nil
			}
			if !has[m.key.Value] {
				all = append(all, m)
				has[m.key.Value] = true
			}
		}
	}
	return all
}

// numberOfJSON is how JSON writes numbers.
var numberOfJSON = text.Pattern(`^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$`)

// scalar is a scalar in JSON. What JSON has no number for is a string.
func scalar(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return strings.ToLower(n.Value)
	case "!!int", "!!float":
		if numberOfJSON().MatchString(n.Value) {
			return n.Value
		}
		if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64); err == nil {
			return strconv.FormatInt(i, 10)
		}
	}
	return string(quoted(n.Value))
}

func quoted(s string) []byte {
	text, _ := json.Marshal(s) // a string can always be encoded
	return text
}
