package wire

// Hold keeps what is written from now on until the next Read, which sends it
// before it waits for an answer, or until Close, which sends it in the packet that
// ends the connection. After Hold(false) it leaves with what is written next. Nobody
// else may write meanwhile. Where there are no stamps nothing is held.
//
// A packet less is a system call less, and a wake-up of the other side:
// docs/decisions/two-packets-less.md.
func (c *Conn) Hold(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = on && c.raw != nil
}

func (c *Conn) takeHeld() (held []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, c.held = c.held, nil
	return held
}

// hold keeps p if it is to be held.
func (c *Conn) hold(p []byte) (ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		c.held = append(c.held, p...)
	}
	return c.holding
}
