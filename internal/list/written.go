package list

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
)

// seed is that of the hashes that Options.Written gets.
var seed = maphash.MakeSeed()

// Written returns the name and the group that an object of JSON has, without
// reading all else that it says: of a million lines a part reads only its own. Nil:
// there is none, or it is not a text, or the line is not valid, which is reported where it
// is read.
func Written(object []byte) (name, group []byte) {
	at := bytes.IndexByte(object, '{') + 1
	if at == 0 || !bytes.Contains(object, []byte(`"name"`)) && !bytes.Contains(object, []byte(`"group"`)) {
		return nil, nil
	}
	for {
		at = skip(object, at, " \t\r\n,")
		key := end(object, at)
		value := skip(object, key, " \t\r\n:")
		after := end(object, value)
		if at >= len(object) || object[at] != '"' || after <= value {
			return name, group
		}
		switch string(object[at:key]) {
		case `"name"`:
			name = unquote(object[value:after])
		case `"group"`:
			group = unquote(object[value:after])
		}
		at = after
	}
}

// skip returns the place of the next byte that is none of those in set.
func skip(data []byte, at int, set string) int {
	for at < len(data) && bytes.IndexByte([]byte(set), data[at]) >= 0 {
		at++
	}
	return at
}

// end returns where the value at a place ends: a text, an array, an object, or a
// word.
func end(data []byte, at int) int {
	depth := 0
	for ; at < len(data); at++ {
		switch data[at] {
		case '"':
			for at++; at < len(data) && data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
		case '[', '{':
			depth++
			continue
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				return at
			}
			continue
		default:
			continue
		}
		switch {
		case depth == 0:
			return min(at+1, len(data))
		case depth < 0:
			return at // of what the value is in
		}
	}
	return min(at, len(data))
}

// unquote returns the text that a value is; nil: it is none.
func unquote(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if !bytes.ContainsRune(value, '\\') {
		return value[1 : len(value)-1]
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return nil
	}
	return []byte(text)
}
