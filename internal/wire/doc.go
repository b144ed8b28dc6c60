// Package wire is a TCP connection whose clock is the kernel's.
//
// A process that holds a thousand connections on one core is late to read
// what has arrived. The kernel is not: it stamps every segment when it is
// received, and hands the stamp over with the bytes (SO_TIMESTAMPNS, see
// socket(7) and recvmsg(2)). A [Conn] notes, below crypto/tls and net/http,
// when each of our writes was handed to the kernel and when the kernel
// received what came back. Where there is no stamp (off Linux, or under a
// connection that is not TCP) the process's own clock is all there is, and
// the [Reading] says so.
//
// A [Lateness] is for what has no stamp: how late this process was.
//
// Stamps are of the wall clock (CLOCK_REALTIME), so only differences of them
// mean anything, and those only while nobody sets that clock.
package wire
