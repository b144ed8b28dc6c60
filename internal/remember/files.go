package remember

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files is a Store on this machine: the current object is a file, and the others lie
// beside it.
type Files struct {
	path string
	lock *os.File // exclusive, where the system knows that
}

// OpenFiles returns the store of which path is the current object's file; its
// directory is made. Another program that has it open is an error.
func OpenFiles(path string) (*Files, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := exclusive(lock); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s is in use by another program: %w", path, err)
	}
	return &Files{path, lock}, nil
}

// Close lets others open it.
func (f *Files) Close() error { return f.lock.Close() }

// file is where an object is.
func (f *Files) file(key string) string {
	if key == currentKey {
		return f.path
	}
	return f.path + "." + strings.ReplaceAll(strings.TrimPrefix(key, "history/"), "/", "-")
}

// Read implements Store. The tag is a hash of the object.
func (f *Files) Read(_ context.Context, key string) (body []byte, tag string, err error) {
	body, err = os.ReadFile(f.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	return body, tagOf(body), nil
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Write implements Store. A crash leaves the object as it was or as it should be.
func (f *Files) Write(ctx context.Context, key string, body []byte, tag string) (newTag string, another bool, err error) {
	_, now, err := f.Read(ctx, key)
	if err != nil || now != tag {
		return "", err == nil, err
	}
	name := f.file(key)
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-*")
	if err != nil {
		return "", false, err
	}
	defer os.Remove(temporary.Name()) // where it was not renamed
	_, err = temporary.Write(body)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	return tagOf(body), false, err
}

// Copy implements Store.
func (f *Files) Copy(ctx context.Context, from, to string) error {
	body, _, err := f.Read(ctx, from)
	if err != nil {
		return err
	}
	_, tag, err := f.Read(ctx, to)
	if err != nil {
		return err
	}
	_, _, err = f.Write(ctx, to, body, tag)
	return err
}
