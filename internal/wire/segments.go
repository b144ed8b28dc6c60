package wire

// segments counts how many segments each read took, while it is counting:
// the kernel merges what it holds, and keeps only the last one's stamp.
type segments struct {
	counting bool
	arrived  int // in all, at the latest read
	most     int // that one read took, since the last one that had to wait
}

// afterRead counts what one read took when that many have arrived in all;
// waited: there was nothing to read at first.
func (s *segments) afterRead(arrived int, waited bool) {
	if waited {
		s.most = 0 // what came before was read in its time
	}
	s.arrived, s.most = arrived, max(s.most, arrived-s.arrived)
}

// CountSegments begins to count.
func (c *Conn) CountSegments() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.segments = segments{counting: true, arrived: c.Segments()}
}

// Merged returns the most segments that one of the latest reads took, those
// since there was nothing to read, and ends the counting. 0: it is not known.
// crypto/tls takes several reads for a record; session tickets come before.
func (c *Conn) Merged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.segments.counting = false
	return c.segments.most
}
