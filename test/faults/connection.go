package faults

import "rollcall/internal/testnet"

// connectionFaults fail before a byte is sent.
func connectionFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "connection-closing", Description: "accepts the connection and closes it", Start: testnet.OverTCP(testnet.CloseConn)},
		{Name: "connection-resetting", Description: "accepts the connection and resets it", Start: testnet.OverTCP(testnet.Reset)},
		{Name: "connection-ok", Description: "accepts the connection and responds",
			CounterpartOf: "refusing unreachable connection-closing connection-resetting",
			Start:         testnet.OverHTTP(testnet.Send(testnet.OK))},
	}
}
