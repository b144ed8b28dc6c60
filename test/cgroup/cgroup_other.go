//go:build !linux

package cgroup

import "errors"

// A Group is a control group, which only Linux has.
type Group struct{}

// New fails.
func New(float64, int64) (*Group, error) { return nil, errors.New("control groups are Linux's") }

// Path returns nothing.
func (*Group) Path() string { return "" }

// Usage returns nothing.
func (*Group) Usage() (Usage, error) { return Usage{}, nil }

// Close does nothing.
func (*Group) Close() error { return nil }
