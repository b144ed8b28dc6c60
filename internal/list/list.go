// Package list reads what people have lists of URLs in: text, JSON, YAML, CSV
// and sitemaps, compressed or not, as one stream of entries with their lines.
package list

import (
	"context"
	"io"
)

// Options say how a list is read.
type Options struct {
	// Name is that of the file. Its ending says the format; what has no known
	// ending, such as standard input with the name "", is known by its content.
	Name string

	// HTTPS puts https:// before hosts that have no scheme.
	HTTPS bool

	// Fetch opens a sitemap that another one names. Nil: such an index is
	// refused.
	Fetch func(ctx context.Context, url string) (io.ReadCloser, error)
}
