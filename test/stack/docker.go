package main

import (
	"archive/tar"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// The image that sam puts the function into. No registry is asked for it: what
// follows makes one that has all that sam and the function need of it.
const image = "public.ecr.aws/lambda/provided:al2023-"

// engine starts a container engine of the trial's own, apart from one that may
// run here, and returns the variable by which its clients find it.
func (t *trial) engine(ctx context.Context) (env []string, err error) {
	for _, tool := range []struct{ name, from string }{
		{"dockerd", "docker.io"}, {"docker", "docker.io"}, {"iptables", "iptables"},
	} {
		if _, err := exec.LookPath(tool.name); err != nil {
			return nil, fmt.Errorf("%s is not here: install it (Debian: apt-get install docker.io iptables busybox-static); "+
				"with a Docker of your own, make sam-build and sam local invoke, as docs/try.md says, will do", tool.name)
		}
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("starting a container engine takes root: run this as root, or see docs/try.md for one that runs already")
	}
	at := func(name string) string { return filepath.Join(t.dir, name) }
	env = []string{"DOCKER_HOST=unix://" + at("docker.sock")}
	t.later(func() error { return unmount(t.dir) })
	// The containers use the host's network: no bridge, and no rule of a firewall.
	log, err := t.start(nil, "dockerd", "--host", "unix://"+at("docker.sock"), "--data-root", at("docker"), "--exec-root", at("exec"),
		"--pidfile", at("dockerd.pid"), "--bridge=none", "--iptables=false", "--ip6tables=false", "--containerd-namespace", "rollcall")
	if err != nil {
		return nil, err
	}
	err = until(ctx, "dockerd", 30*time.Second, func() (bool, error) {
		_, _, err := t.run(ctx, command{env, []string{"docker", "version"}})
		return err == nil, err
	})
	if err != nil {
		said, _ := os.ReadFile(log)
		return nil, fmt.Errorf("%w\n%s", err, tail(string(said)))
	}
	return []string{"DOCKER_HOST=unix://" + at("sam.sock")}, t.onHost(at("sam.sock"), at("docker.sock"))
}

// architecture is Lambda's name of this machine's.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// makeImage imports an image with a shell and the certificates of the
// test network's authority.
func (t *trial) makeImage(ctx context.Context, engine []string, roots string) error {
	name := filepath.Join(t.dir, "image.tar")
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	busybox, err := static()
	if err != nil {
		return err
	}
	if err := writeImage(file, busybox, roots); err != nil {
		return err
	}
	platform := "linux/" + runtime.GOARCH
	_, _, err = t.run(ctx, command{engine, []string{"docker", "import", "--platform", platform, name, image + architecture()}})
	return err
}

// static finds a busybox that needs no library.
func static() (string, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return "", fmt.Errorf("busybox is not here: install it (Debian: apt-get install busybox-static)")
	}
	program, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	defer program.Close()
	if libraries, _ := program.ImportedLibraries(); len(libraries) > 0 {
		return "", fmt.Errorf("%s needs libraries: install one that does not (Debian: apt-get install busybox-static)", path)
	}
	return path, nil
}

func writeImage(w io.Writer, busybox, roots string) error {
	archive := tar.NewWriter(w)
	for _, dir := range []string{"bin", "etc", "etc/ssl", "etc/ssl/certs", "tmp", "var", "var/task", "var/runtime", "opt", "usr", "usr/bin"} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o1777}); err != nil {
			return err
		}
	}
	for _, link := range []string{"sh", "mv", "chmod", "cat", "ls", "mkdir", "rm"} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + link, Linkname: "busybox"}); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{"bin/busybox": busybox, "etc/ssl/certs/ca-certificates.crt": roots, "etc/passwd": "/etc/passwd"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	return archive.Close()
}
