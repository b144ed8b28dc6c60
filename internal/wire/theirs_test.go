package wire

import (
	"io"
	"testing"
	"time"
)

// TestTheirs: what we wait for the other side is theirs, what lies here unread is
// not, nor what a write takes that nobody had to make room for.
func TestTheirs(t *testing.T) {
	const wait = 60 * time.Millisecond
	near, far := pair(t)
	theirs := func() time.Duration { return near.Reading().Theirs }
	expect := func(what string, got, least, most time.Duration) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s: theirs is %v, want %v to %v", what, got, least, most)
		}
	}
	send(t, near, "request")
	expect("a small write", theirs(), 0, 0)

	began := time.Now()
	time.AfterFunc(wait, func() { io.WriteString(far, "response") })
	receive(t, near, "response")
	took := time.Since(began)
	waited := theirs()
	expect("a read that waits", waited, wait, took)

	send(t, far, "more")
	arrived(t, near, 2)
	time.Sleep(wait)
	receive(t, near, "more")
	if stamping {
		expect("a read of what lay there", theirs()-waited, 0, wait/2)
	}

	before := theirs()
	done := make(chan struct{})
	began = time.Now()
	go func() {
		defer close(done)
		near.Write(make([]byte, 32<<20)) // more than any buffer holds
	}()
	time.Sleep(wait)
	if during := theirs() - before; during < wait/2 {
		t.Errorf("during a write that waits: theirs is %v", during)
	}
	io.CopyN(io.Discard, far, 32<<20)
	<-done
	expect("a write that waits", theirs()-before, wait/2, time.Since(began))

	before = theirs()
	near.SetDeadline(time.Now().Add(wait))
	began = time.Now()
	near.Read(make([]byte, 1))
	expect("a read until the deadline", theirs()-before, wait/2, time.Since(began))
	if near.Deadline().After(began.Add(wait + time.Second)) {
		t.Errorf("the deadline is %v", near.Deadline())
	}
}

// TestDeadlineMovesForUsOnly: a write is late by the time since what it responds
// to arrived, or since the write before it ended, if that was later: while a
// write is on, it is the other side that is waited for.
func TestDeadlineMovesForUsOnly(t *testing.T) {
	var tm timing
	now := time.Now()
	at := func(ms int) time.Time { return now.Add(time.Duration(ms) * time.Millisecond) }
	read := func(ms int) { tm.bytesRead(received{n: 1, stamp: at(ms).UnixNano()}, at(ms)) }
	tm.writeBegins(at(0))
	tm.writeEnds(at(1))
	read(10)
	if late := tm.writeBegins(at(40)); late != 30*time.Millisecond {
		t.Errorf("30 ms after an arrival: late by %v", late)
	}
	read(50) // while the write waits for room
	tm.writeEnds(at(500))
	if late := tm.writeBegins(at(503)); late != 3*time.Millisecond {
		t.Errorf("3 ms after a write that waited: late by %v", late)
	}
}
