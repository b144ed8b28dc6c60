package wire

// segments counts how many segments each read took, from when it is asked to:
// the kernel merges what it holds, and keeps only the last one's stamp.
type segments struct {
	counting bool
	arrived  int // in all, at the latest read
	most     int // that one read took, since the last one that had to wait
}

func (s *segments) read(c *Conn, waited bool) {
	if s.counting {
		now := c.Segments()
		if waited {
			s.most = 0 // what came before was read in its time
		}
		s.arrived, s.most = now, max(s.most, now-s.arrived)
	}
}

// CountSegments begins to count.
func (c *Conn) CountSegments() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.segments = segments{counting: true, arrived: c.Segments()}
}

// Merged returns the most segments that one of the latest reads took, those
// since there was nothing to read, and ends the counting. 0: nobody knows.
// crypto/tls takes several reads for a record; session tickets come before.
func (c *Conn) Merged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.segments.counting = false
	return c.segments.most
}
