package plan

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"unicode"

	"rollcall/internal/redact"
)

// A Source opens what the source of an event names, of one scheme. u is the
// URL as it is written; of a path without a scheme it has nothing but Path.
//
// The [Version] returned is that of what is read. A caller that still has what
// it read before says so with known, and may get [ErrUnchanged] instead. Parse
// knows none: whoever keeps what was read wraps a Source in another.
type Source func(ctx context.Context, u *url.URL, known Version) (io.ReadCloser, Version, error)

// A Version tells two contents of one source apart, as an entity tag does; ""
// is unknown.
type Version string

// ErrUnchanged is returned by a [Source] for a version that is known already.
var ErrUnchanged = errors.New("unchanged")

// fileScheme is that of a source without a scheme.
const fileScheme = "file"

// Files is the source of regular files. Whoever opens files sees to it that
// there is no way out, as os.Root does; nil: there are none. Versions are
// unknown.
func Files(files fs.FS) Source {
	return func(_ context.Context, u *url.URL, _ Version) (io.ReadCloser, Version, error) {
		name := u.Path
		if !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, unicode.IsControl) {
			return nil, "", errors.New("not a path below the program's folder (for example lists/urls.txt)")
		}
		if files == nil {
			return nil, "", errors.New("there are no files here")
		}
		info, err := fs.Stat(files, name) // first: opening a pipe would wait
		switch {
		case err != nil:
			return nil, "", err
		case info.IsDir():
			return nil, "", errors.New("is a directory")
		case !info.Mode().IsRegular():
			return nil, "", errors.New("not a regular file")
		}
		file, err := files.Open(name)
		return file, "", err
	}
}

// openSource opens what v names and returns the name that problems have for
// it. Where it can't, it returns nil and has reported a problem.
func openSource(ctx context.Context, v value, sources map[string]Source) (io.ReadCloser, string) {
	name, ok := v.requireText()
	if !ok {
		return nil, ""
	}
	for strings.HasPrefix(name, "./") {
		name = strings.TrimPrefix(name, "./")
	}
	u, scheme := &url.URL{Path: name}, fileScheme
	if strings.Contains(name, "://") {
		parsed, err := url.Parse(name)
		if err != nil {
			v.problem("invalid URL")
			return nil, ""
		}
		u, scheme, name = parsed, parsed.Scheme, redact.URL(parsed)
	}
	open := sources[scheme]
	if open == nil {
		v.problem("%s sources are not supported", scheme)
		return nil, ""
	}
	source, _, err := open(ctx, u, "")
	if err != nil {
		v.problem("open %s: %v", quote(name), withoutPath(err))
		return nil, ""
	}
	return source, name
}

// withoutPath returns what went wrong, without the path that an error of fs
// repeats.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
