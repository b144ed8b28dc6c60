package check

import (
	"encoding/json"
	"strconv"
	"time"
)

// An object is a JSON object under way, of which encoding/json has only texts
// that need escapes: a result takes 3.6 µs of CPU so, and 10.8 without.
type object []byte

func newObject() object { return append(make(object, 0, 1024), '{') }

func (o object) end() object { return append(o, '}') }

func (o object) name(name string) object {
	if o[len(o)-1] != '{' {
		o = append(o, ',')
	}
	return append(append(append(o, '"'), name...), `":`...)
}

func (o object) text(name, value string) object { return o.name(name).quoted(value) }

// some is a text that is left out where it is empty.
func (o object) some(name, value string) object {
	if value == "" {
		return o
	}
	return o.text(name, value)
}

func (o object) texts(name string, values []string) object {
	if len(values) == 0 {
		return o
	}
	o = append(o.name(name), '[')
	for i, value := range values {
		if i > 0 {
			o = append(o, ',')
		}
		o = o.quoted(value)
	}
	return append(o, ']')
}

func (o object) flag(name string, value bool) object {
	return strconv.AppendBool(o.name(name), value)
}

func (o object) integer(name string, value int64) object {
	return strconv.AppendInt(o.name(name), value, 10)
}

func (o object) number(name string, value float64) object {
	return strconv.AppendFloat(o.name(name), value, 'f', -1, 64)
}

func (o object) instant(name string, value time.Time) object {
	o = append(o.name(name), '"')
	return append(value.AppendFormat(o, time.RFC3339Nano), '"')
}

// millis is a duration that is left out where it is Absent.
func (o object) millis(name string, value time.Duration) object {
	if value == Absent {
		return o
	}
	return appendMillis(o.name(name), value)
}

// appendMillis appends d in milliseconds, to the microsecond.
func appendMillis(text []byte, d time.Duration) []byte {
	us := d.Round(time.Microsecond).Microseconds()
	return strconv.AppendFloat(text, float64(us)/1000, 'f', -1, 64)
}

func (o object) quoted(value string) object {
	if !asItIs(value) {
		quoted, _ := json.Marshal(value) // of a string never fails
		return append(o, quoted...)
	}
	return append(append(append(o, '"'), value...), '"')
}

// asItIs reports whether encoding/json would leave value as it is.
func asItIs(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
