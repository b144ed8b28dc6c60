package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// openInput opens a file, or standard input if its name is -. Whatever blocks,
// opening and reading end with ctx; its goroutine is left behind then.
func openInput(ctx context.Context, sys system, name string) io.ReadCloser {
	if file, ok := sys.in.(*os.File); ok && name == "-" && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintln(sys.err, "rollcall: reading URLs from the terminal, Ctrl-D ends")
	}
	in, out := io.Pipe()
	go func() {
		r := io.NopCloser(sys.in)
		if name != "-" {
			file, err := os.Open(name)
			if err != nil {
				out.CloseWithError(err)
				return
			}
			r = file
		}
		defer r.Close()
		_, err := io.Copy(out, r) // whoever reads it has a limit
		out.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)); out.CloseWithError(context.Cause(ctx)) })
	return closing{in, sync.OnceFunc(func() { stop(); in.Close() })}
}

type closing struct {
	io.Reader
	close func()
}

// Close ends the reading.
func (c closing) Close() error {
	c.close()
	return nil
}
