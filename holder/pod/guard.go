package pod

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Pod is a pod behind the rule that only ciphertext enters. It is the only
// form in which drivers hand out a pod.
type Pod struct {
	url    string
	driver Driver
}

// Guard puts the rule in front of a driver. Drivers call it; nobody else has a
// bare driver to call it with.
func Guard(address string, d Driver) (*Pod, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	return &Pod{url: address, driver: d}, nil
}

// URL is the address of the pod, with a slash at its end.
func (p *Pod) URL() string { return p.url }

// Resource is the address of a resource: what the aad of its envelope names.
func (p *Pod) Resource(name string) string { return p.url + name }

// Put writes an envelope and returns its version. The condition says whether
// it creates a resource or replaces the version that was read; see
// CheckEnvelope for what is accepted. Outcomes: ErrRefusedPlaintext (with
// ErrName or ErrTooLarge if that was why), ErrExists, ErrPrecondition,
// ErrNotFound when the pod is gone, ErrDenied, ErrUnavailable.
func (p *Pod) Put(ctx context.Context, name, mediaType string, data []byte, c Condition) (ETag, error) {
	if err := CheckEnvelope(p.url, name, mediaType, data); err != nil {
		return "", err
	}
	if c.absent == (c.match != "") {
		return "", fmt.Errorf("%w: no condition was given: create with IfAbsent, or replace what was read with IfMatch", ErrPrecondition)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return p.driver.Put(ctx, name, data, c)
}

// Get reads a resource. Its bytes were not checked: whoever opens the envelope
// does, and must compare aad with Resource(name).
func (p *Pod) Get(ctx context.Context, name string) (Object, error) {
	if err := CheckName(name); err != nil {
		return Object{}, err
	}
	if err := ctx.Err(); err != nil {
		return Object{}, err
	}
	return p.driver.Get(ctx, name)
}

// List returns the names of the resources, sorted. What others may have put
// into a pod under names that are not allowed is left out.
func (p *Pod) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names, err := p.driver.List(ctx)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return CheckName(n) != nil })
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Delete removes a resource, or returns ErrNotFound.
func (p *Pod) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.driver.Delete(ctx, name)
}

// DeleteAll removes the pod with all that is in it. Call it again after an
// error: it goes on where it stopped, and a pod that is gone is no error.
func (p *Pod) DeleteAll(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.driver.DeleteAll(ctx); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
