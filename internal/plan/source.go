package plan

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode"
)

const (
	// maxSource bounds an event that is read from a file, in bytes: ten
	// times what Lambda takes as an event.
	maxSource = 64 << 20

	// maxLine bounds a line with its end, in bytes: eight times what servers
	// commonly take.
	maxLine = 64 << 10
)

// addSource adds the targets that e's source holds. Where the source holds
// an event, e takes from it what e itself does not say.
func (r *roster) addSource(e *event, files fs.FS) {
	name, ok := sourceName(e.source)
	if !ok {
		return
	}
	file, err := open(files, name)
	if err != nil {
		e.source.problem("%s can't be read: %v", quote(name), reason(err))
		return
	}
	defer file.Close()
	if !isEvent(name) {
		r.begin(e)
		r.addLines(name+":", file)
		return
	}
	data, err := io.ReadAll(file)
	if err != nil {
		e.source.problem("%s can't be read: %v", quote(name), reason(err))
		return
	}
	r.addEvent(e, data, &problems{within: r.ps, file: name})
}

// addEvent adds the targets of the event that e's source is.
func (r *roster) addEvent(e *event, data []byte, ps *problems) {
	inner := readEvent(data, r.fields, ps)
	if inner.source.present() {
		inner.source.problem("stands in a source: a source can't name another")
	}
	e.settings = append(inner.settings, e.settings...)
	if e.group == "" {
		e.group = inner.group
	}
	if e.metrics == "" {
		e.metrics = inner.metrics
	}
	if e.scheduled.IsZero() {
		e.scheduled = inner.scheduled
	}
	r.begin(e)
	r.addURLs(inner.urls)
}

// sourceName returns the name of the file that v names.
func sourceName(v value) (string, bool) {
	name, ok := v.text()
	for strings.HasPrefix(name, "./") {
		name = strings.TrimPrefix(name, "./")
	}
	switch {
	case !ok:
	case strings.HasPrefix(name, "s3://"):
		v.problem("s3:// is not supported yet")
	case strings.EqualFold(path.Ext(name), ".gz"):
		v.problem("compressed sources are not supported yet")
	case !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, unicode.IsControl):
		v.problem("is no path below the program's folder (write lists/urls.txt)")
	default:
		return name, true
	}
	return "", false
}

// isEvent reports whether a file holds an event; any other holds lines.
func isEvent(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }

// open opens a regular file. It looks first: opening a pipe would wait.
func open(files fs.FS, name string) (fs.File, error) {
	if files == nil {
		return nil, errors.New("there are no files here")
	}
	info, err := fs.Stat(files, name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case isEvent(name) && info.Size() > maxSource:
		return nil, errors.New("it is larger than 64 MiB")
	}
	return files.Open(name)
}

// reason returns what went wrong, without the path that an error of fs
// repeats.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// addLines adds one target a line. place and a line's number make its path.
func (r *roster) addLines(place string, lines io.Reader) {
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, maxLine)
	number := 0
	for scanner.Scan() {
		number++
		line := scanner.Text()
		if number == 1 {
			line = strings.TrimPrefix(line, byteOrderMark)
		}
		if url := strings.TrimSpace(withoutComment(line)); url != "" {
			r.add(target{at: value{path: place + strconv.Itoa(number), ps: r.ps}, url: url})
		}
	}
	at := place + strconv.Itoa(number+1)
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		r.ps.add(at, "is longer than 64 KiB")
	case err != nil:
		r.ps.add(at, "can't be read: %v", reason(err))
	}
}

// withoutComment cuts a # and what follows, at the start of a line and after
// white space; any other # is part of a URL.
func withoutComment(line string) string {
	if strings.HasPrefix(line, "#") {
		return ""
	}
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, "\t#")
	return line
}
