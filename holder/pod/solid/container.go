package solid

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/zegel-id/zegel/holder/pod"
)

// container is the driver of one pod. Names were checked by pod.Pod.
type container struct {
	host   *Host
	access access
	url    string
	client *client
	gone   atomic.Bool // deleted through this value
}

// Put implements pod.Driver.
func (c *container) Put(ctx context.Context, name string, data []byte, cond pod.Condition) (pod.ETag, error) {
	if c.gone.Load() {
		return "", pod.ErrNotFound
	}
	e := exchange{method: http.MethodPut, url: c.url + name, body: data, header: http.Header{"Content-Type": {pod.MediaType}}}
	if cond.Absent() {
		e.header.Set("If-None-Match", "*")
	} else {
		e.header.Set("If-Match", string(cond.Match()))
	}
	a, err := c.client.do(ctx, e)
	switch {
	case err != nil:
		return "", err
	case a.status == http.StatusPreconditionFailed && cond.Absent():
		return "", pod.ErrExists
	case !a.ok():
		return "", a.failure("writing")
	case a.status == http.StatusCreated && !cond.Absent():
		// Community Solid Server 7 lets If-Match pass when nothing is there
		// (against RFC 9110, Section 13.1.1), so a deleted resource came back.
		if err := c.client.remove(ctx, e.url); err != nil {
			return "", fmt.Errorf("taking back a write that should not have been: %w", err)
		}
		return "", pod.ErrPrecondition
	}
	return c.readBack(ctx, name, data)
}

// readBack learns the version of what was just written, which the server does
// not tell, and that it is stored as what it is: bytes of a type that the
// server does not convert.
func (c *container) readBack(ctx context.Context, name string, data []byte) (pod.ETag, error) {
	o, err := c.Get(ctx, name)
	if err != nil {
		return "", fmt.Errorf("reading back what was written: %w", err)
	}
	if o.MediaType != pod.MediaType {
		if err := c.client.remove(ctx, c.url+name); err != nil {
			return "", fmt.Errorf("taking back a write that was stored as another media type: %w", err)
		}
		return "", fmt.Errorf("%w: the server stored the resource as another media type than %s", pod.ErrUnavailable, pod.MediaType)
	}
	if !bytes.Equal(o.Data, data) {
		// The version of another writer must not pass for ours.
		return "", fmt.Errorf("%w: another writer replaced it at once", pod.ErrPrecondition)
	}
	return o.ETag, nil
}

// Get implements pod.Driver.
func (c *container) Get(ctx context.Context, name string) (pod.Object, error) {
	if c.gone.Load() {
		return pod.Object{}, pod.ErrNotFound
	}
	a, err := c.client.do(ctx, exchange{method: http.MethodGet, url: c.url + name, header: http.Header{"Accept": {"*/*"}}, limit: pod.MaxSize})
	if err != nil {
		return pod.Object{}, err
	}
	if a.status != http.StatusOK {
		return pod.Object{}, a.failure("reading")
	}
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return pod.Object{}, fmt.Errorf("%w: the answer has no media type", pod.ErrUnavailable)
	}
	tag := a.header.Get("ETag")
	if len(tag) < 2 || len(tag) > 256 || !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) {
		return pod.Object{}, fmt.Errorf("%w: the answer has no strong ETag, so nothing could be replaced safely (RFC 9110, Section 8.8.3)", pod.ErrUnavailable)
	}
	return pod.Object{MediaType: mediaType, Data: a.body, ETag: pod.ETag(tag)}, nil
}

// List implements pod.Driver.
func (c *container) List(ctx context.Context) ([]string, error) {
	if c.gone.Load() {
		return nil, pod.ErrNotFound
	}
	members, err := c.client.members(ctx, c.url)
	if err != nil {
		return nil, err
	}
	for i, m := range members {
		members[i] = strings.TrimPrefix(m, c.url)
	}
	return members, nil
}

// Delete implements pod.Driver.
func (c *container) Delete(ctx context.Context, name string) error {
	if c.gone.Load() {
		return pod.ErrNotFound
	}
	return c.client.remove(ctx, c.url+name)
}

// DeleteAll implements pod.Driver.
func (c *container) DeleteAll(ctx context.Context) error {
	if err := c.host.erase(ctx, c.access); err != nil {
		return err
	}
	c.gone.Store(true)
	return nil
}
