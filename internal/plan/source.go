package plan

import (
	"context"
	"errors"
	"fmt"
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
// it read before says so with known, and may get [ErrUnchanged] instead.
type Source func(ctx context.Context, u *url.URL, known Version) (io.ReadCloser, Version, error)

// A Version tells two contents of one source apart, as an entity tag does; ""
// is unknown.
type Version string

// ErrUnchanged is returned by a [Source] for a version that is known already.
var ErrUnchanged = errors.New("unchanged")

// fileScheme is that of a source without a scheme.
const fileScheme = "file"

// Files is the source of regular files. Whoever opens files sees to it that
// there is no way out, as os.Root does; nil: there are none. A file's version is
// its size and when it was last changed.
func Files(files fs.FS) Source {
	return func(_ context.Context, u *url.URL, known Version) (io.ReadCloser, Version, error) {
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
		version := Version(fmt.Sprint(info.Size(), " ", info.ModTime().UnixNano()))
		if version == known {
			return nil, "", ErrUnchanged
		}
		file, err := files.Open(name)
		return file, version, err
	}
}

// openSource opens what v names and returns the name that problems have for
// it, and its version. Where it can't, it returns nil and has reported a
// problem, unless the version is the known one.
func openSource(ctx context.Context, v value, sources map[string]Source, known Version) (io.ReadCloser, string, Version) {
	name, ok := v.requireText()
	if !ok {
		return nil, "", ""
	}
	for strings.HasPrefix(name, "./") {
		name = strings.TrimPrefix(name, "./")
	}
	u, scheme := &url.URL{Path: name}, fileScheme
	if strings.Contains(name, "://") {
		parsed, err := readSourceURL(name)
		if err != nil {
			v.problem("%v", err)
			return nil, "", ""
		}
		u, scheme, name = parsed, parsed.Scheme, sourceName(parsed)
	}
	open := sources[scheme]
	if open == nil {
		v.problem("%s sources are not supported", scheme)
		return nil, "", ""
	}
	source, version, err := open(ctx, u, known)
	if errors.Is(err, ErrUnchanged) && known != "" {
		return nil, name, known
	}
	if err != nil {
		v.problem("open %s: %v", quote(name), withoutPath(err))
		return nil, "", ""
	}
	return source, name, version
}

const (
	s3Scheme = "s3"
	s3Query  = "?versionId="
)

// readSourceURL reads the URL of a source. Of S3 the key is what stands behind
// the bucket, as it is, as in the AWS CLI: nothing is percent-encoded. Its Path
// begins with a slash of our own.
func readSourceURL(text string) (*url.URL, error) {
	rest, ok := strings.CutPrefix(text, s3Scheme+"://")
	if !ok {
		u, err := url.Parse(text)
		if err != nil {
			return nil, errors.New("invalid URL")
		}
		return u, nil
	}
	u := &url.URL{Scheme: s3Scheme}
	u.Host, u.Path, _ = strings.Cut(rest, "/")
	if at := strings.LastIndex(u.Path, s3Query); at >= 0 {
		u.Path, u.RawQuery = u.Path[:at], u.Path[at+1:]
	}
	if !isBucket(u.Host) || u.Path == "" || strings.HasSuffix(u.RawQuery, "=") || strings.Contains(u.Path, "?") || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, errors.New("invalid URL of an object (s3://bucket/key, or s3://bucket/key?versionId=ID)")
	}
	u.Path = "/" + u.Path
	return u, nil
}

// isBucket reports whether s has the characters of a bucket's name, of an old
// one, too.
func isBucket(s string) bool { return !isARN(s) && isOf(s, "._-") }

// pinned returns what names the version of a source that was read, where its bucket
// has versions: an entity tag and, after a blank, the object's.
func pinned(source string, v Version) string {
	_, id, versioned := strings.Cut(string(v), " ")
	if !versioned || !strings.HasPrefix(source, s3Scheme+"://") || strings.Contains(source, s3Query) {
		return source
	}
	return source + s3Query + id
}

// sourceName is what problems call a source.
func sourceName(u *url.URL) string {
	if u.Scheme == s3Scheme {
		return s3Scheme + "://" + u.Host + u.Path
	}
	return redact.URL(u)
}

// withoutPath returns what went wrong, without the path that an error of fs
// repeats.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
