package plan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"rollcall/internal/list"
)

// ParseInput reads what people name to a program: an event or a list, as the
// options say. Its errors are those of [Parse].
func ParseInput(ctx context.Context, r io.Reader, o list.Options, in Inputs) (*Plan, error) {
	buffered := bufio.NewReader(r)
	var start []byte
	for n := 1; len(bytes.TrimSpace(start)) == 0; n++ {
		var err error
		if start, err = buffered.Peek(n); errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	if strings.HasSuffix(o.Name, ".json") || bytes.HasSuffix(start, []byte("{")) {
		return Parse(ctx, buffered, in)
	}
	return ParseLines(ctx, buffered, in)
}
