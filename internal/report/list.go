package report

import (
	"bufio"
	"fmt"
	"io"
)

// List writes what there is, each with what is said of it.
func List(w io.Writer, rows [][2]string) error {
	widest := 0
	for _, row := range rows {
		widest = max(widest, width(row[0]))
	}
	b := bufio.NewWriter(w)
	for _, row := range rows {
		fmt.Fprintf(b, "%s  %s\n", pad(Plain(row[0]), widest), Plain(row[1]))
	}
	return b.Flush()
}
