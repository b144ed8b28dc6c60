//go:build !linux

package main

import (
	"errors"
	"runtime"
	"time"
)

const launchCommand = "launch"

var errLinux = errors.New("the bench needs Linux: its clock and its control of cores are the kernel's")

func cores() int { return runtime.NumCPU() }

func pinSelf() error { return errLinux }

func onClientCore(start func() error) error { return start() }

func launch([]string) error { return errLinux }

const (
	clientCore  = 0
	groupPeriod = time.Duration(0)
)

type group struct{}

func newGroup(float64, int64) (*group, error) { return nil, errLinux }

func (*group) path() string { return "" }

// Close does nothing.
func (*group) Close() error { return nil }
