package resolve

import (
	"context"
	"sync"
	"time"
)

// sockets are the open ones, by the server's address.
type sockets struct {
	mu      sync.Mutex
	open    map[string]*socket
	readers sync.WaitGroup
}

// to returns the socket to the server at address. It is closed when nobody
// has used it for linger, twice that at most.
func (o *sockets) to(ctx context.Context, address string, linger time.Duration) (*socket, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.open[address]; s != nil {
		return s, nil
	}
	s, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	o.open[address] = s
	o.readers.Go(s.read)
	var idle *time.Timer
	idle = time.AfterFunc(linger, func() {
		if !o.retire(address, s) {
			idle.Reset(linger)
		}
	})
	return s, nil
}

// retire closes s if it is idle.
func (o *sockets) retire(address string, s *socket) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open[address] != s {
		return true
	}
	if !s.close(true) {
		return false
	}
	delete(o.open, address)
	return true
}

// drain delivers what the kernel has received already.
func (o *sockets) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.open {
		s.drain()
	}
}

// close closes all and waits for their readers.
func (o *sockets) close() {
	o.mu.Lock()
	for address, s := range o.open {
		s.close(false)
		delete(o.open, address)
	}
	o.mu.Unlock()
	o.readers.Wait()
}
