//go:build !linux

package main

import (
	"errors"
	"runtime"
)

const launchCommand = "launch"

var errLinux = errors.New("the bench needs Linux: its clock and its control of cores are the kernel's")

func cores() int { return runtime.NumCPU() }

func pinSelf() error { return errLinux }

func onClientCore(start func() error) error { return start() }

func launch([]string) error { return errLinux }

const clientCore = 0
