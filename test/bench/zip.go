package main

import (
	"archive/zip"
	"compress/flate"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// zipped is how large the function's package is, in MB: the program and what
// lies in a folder.
func zipped(program, folder string) (float64, error) {
	var size counter
	z := zip.NewWriter(&size)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression) // closer to zlib, which sam packs with, than the default
	})
	add := func(path, name string) error {
		w, err := z.Create(name)
		if err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(w, file)
		return err
	}
	if err := add(program, "bootstrap"); err != nil {
		return 0, err
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return add(path, filepath.ToSlash(path))
	})
	if err != nil {
		return 0, err
	}
	return float64(size) / 1e6, z.Close()
}

// A counter counts what is written to it.
type counter int64

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// megabytes is a file's size, 0 if there is none.
func megabytes(path string) float64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return float64(info.Size()) / 1e6
}
