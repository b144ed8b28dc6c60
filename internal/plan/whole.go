package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"rollcall/internal/list"
	"rollcall/internal/weburl"
)

// A Claim is a name that a part of a list derives from a URL, and what for, as
// hashes: whoever adds parts up finds that two of them claim one name. Two that are
// equal are one target, as in the whole list.
type Claim struct {
	Name  uint64 // of the name: the first eight bytes of its SHA-256
	Check uint64 // of what is checked: the URL and the target's own fields, without user information
}

// Share returns how many targets of a part are among the first of the whole list: a
// limit for all parts, divided among them.
func (p Part) Share(limit int) int {
	if p.Of == 0 {
		return limit
	}
	return max(0, limit-p.Index+p.Of-1) / p.Of
}

// A whole is what one part has to know of the whole list: all names that are
// written anywhere, as hashes of eight bytes, and all groups.
type whole struct {
	seed    maphash.Seed
	names   [256][]writtenName // by the first byte of the hash: each is sorted alone
	groups  map[string]bool
	derived []int // targets whose names are derived
	claims  []Claim
	equal   map[string]bool // names that entries of this part share, as they are equal
}

// A writtenName is the hash of a name, and one of all that its entry says.
type writtenName struct{ high, low, row uint32 }

func (w writtenName) compare(o writtenName) int {
	if w.high != o.high {
		return int(int64(w.high) - int64(o.high))
	}
	return int(int64(w.low) - int64(o.low))
}

func newWhole() *whole {
	return &whole{seed: maphash.MakeSeed(), groups: map[string]bool{}, equal: map[string]bool{}}
}

// noter is note for a list; nil: it is not wanted.
func (w *whole) noter() func(name, group []byte, row uint64) {
	if w == nil {
		return nil
	}
	return w.note
}

// note takes the name and the group that an entry of the list writes; nil: none.
func (w *whole) note(name, group []byte, row uint64) {
	if len(group) > 0 && len(w.groups) <= maxGroups && !w.groups[string(group)] {
		w.groups[string(group)] = true
	}
	if len(name) > 0 {
		bucket, n := w.hash(string(name))
		n.row = uint32(row)
		w.names[bucket] = append(w.names[bucket], n)
	}
}

// noteJSON takes an entry as JSON.
func (w *whole) noteJSON(entry []byte) {
	if name, group := list.Written(entry); name != nil || group != nil {
		w.note(name, group, maphash.Bytes(w.seed, entry))
	}
}

func (w *whole) hash(name string) (bucket byte, n writtenName) {
	h := maphash.String(w.seed, name)
	return byte(h >> 56), writtenName{high: uint32(h >> 24), low: uint32(h)}
}

// claim takes the target that is added next, whose name is derived.
func (w *whole) claim(l *targetList, name string, o *origin, own members) {
	said := o.text
	if o.url != nil {
		said = weburl.String(o.url)
	}
	fields := map[string]any{}
	for _, m := range own {
		if m.name != fieldURL {
			fields[m.name] = m.plain()
		}
	}
	encoded, _ := json.Marshal(fields) // what was decoded from JSON can be encoded
	w.derived = append(w.derived, len(l.targets))
	w.claims = append(w.claims, Claim{hash64(name), hash64(said + "\n" + string(encoded))})
}

func hash64(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:8])
}

// check reports what is wrong with the whole list: names that two different entries
// write, wherever they are, and too many groups. Of names of this part it says where.
func (w *whole) check(l *targetList) {
	place := l.place
	if place == "" {
		place = theList
	}
	twice := map[[2]uint32]bool{}
	for _, bucket := range w.names {
		slices.SortFunc(bucket, writtenName.compare)
		for i := 1; i < len(bucket); i++ {
			if a, b := bucket[i-1], bucket[i]; a.compare(b) == 0 && a.row != b.row {
				twice[[2]uint32{a.high, a.low}] = true
			}
		}
	}
	derived, told := map[int]bool{}, false
	for _, i := range w.derived {
		derived[i] = true
	}
	for i := range l.targets {
		path, name := strings.TrimSuffix(l.origins[i].path, placeEnd), l.targets[i].Name
		bucket, n := w.hash(name)
		_, written := slices.BinarySearchFunc(w.names[bucket], n, writtenName.compare)
		switch {
		case !derived[i] && twice[[2]uint32{n.high, n.low}] && !w.equal[name]:
			told = true
			l.ps.report(path, "has the same name %s as another entry of the list, which says something else: give it a name of its own", quote(name))
		case derived[i] && written && !w.equal[name]:
			l.ps.report(path, "has the name %s by its URL, and another entry of the list has it, too: give it a name of its own", quote(name))
		}
	}
	if len(twice) > 0 && !told {
		l.ps.report(place, "has %d names that entries share which say something else (rollcall validate says where, of the whole list)", len(twice))
	}
	if len(w.groups) > maxGroups {
		l.ps.report(place, "has more than %d groups", maxGroups)
	}
}
