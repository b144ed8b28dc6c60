// Package listeners sees what programs listen on, as Linux shows it in /proc.
package listeners

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Of returns the addresses on which a process, and all that it started, take
// connections over TCP.
func Of(pid int) ([]netip.AddrPort, error) {
	sockets := map[string]netip.AddrPort{} // that listen, by inode
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/net/" + table)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			const listen = "0A"
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != listen {
				continue
			}
			if sockets[fields[9]], err = address(fields[1]); err != nil {
				return nil, err
			}
		}
	}
	var found []netip.AddrPort
	for _, pid := range append(descendants(pid), pid) {
		links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
		for _, link := range links {
			name, _ := os.Readlink(link) // that of a process that has ended is gone
			inode, ok := strings.CutPrefix(name, "socket:[")
			if addr, listens := sockets[strings.TrimSuffix(inode, "]")]; ok && listens {
				found = append(found, addr)
			}
		}
	}
	slices.SortFunc(found, netip.AddrPort.Compare)
	return slices.Compact(found), nil
}

// Beyond returns those of the addresses that other machines may reach.
func Beyond(addrs []netip.AddrPort) []netip.AddrPort {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return a.Addr().Unmap().IsLoopback() })
}

// address reads one as /proc/net/tcp has it: words of 32 bits in the order of
// this machine, which is little-endian, and the port.
func address(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(host)
	n, bad := strconv.ParseUint(port, 16, 16)
	if err != nil || bad != nil || len(bytes)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("not an address of /proc: %q", text)
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(bytes)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("not an address of /proc: %q", text)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// descendants are the processes that a process started, and those that they did.
func descendants(pid int) (all []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
		fields := strings.Fields(after) // state, parent, …
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			all = append(append(all, child), descendants(child)...)
		}
	}
	return all
}
