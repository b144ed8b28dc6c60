package plan

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

func BenchmarkLines(b *testing.B) {
	var list []byte
	for i := range 100_000 {
		list = fmt.Appendf(list, "https://host%d.example/health\n", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseLines(context.Background(), bytes.NewReader(list), Inputs{}); err != nil {
			b.Fatal(err)
		}
	}
}
