package holder

import (
	"context"
	"fmt"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/audit"
)

func (h *Holder) pod(ctx context.Context, v vault) (*pod.Pod, error) {
	at, err := h.location(v)
	if err != nil {
		return nil, err
	}
	p, err := h.c.Pods.Open(ctx, at)
	if err != nil {
		// A pod of a live vault that is gone is a fault, not an empty vault.
		return nil, fmt.Errorf("%w: opening the pod: %w", pod.ErrUnavailable, err)
	}
	return p, nil
}

// Items are the names of what is in the vault.
func (h *Holder) Items(ctx context.Context, r Request) ([]string, error) {
	v, err := h.readable(ctx, r.Citizen)
	if err != nil {
		return nil, err
	}
	p, err := h.pod(ctx, v)
	if err != nil {
		return nil, err
	}
	return p.List(ctx)
}

// Item is an envelope, as it was stored.
func (h *Holder) Item(ctx context.Context, r Request, name string) (pod.Object, error) {
	v, err := h.readable(ctx, r.Citizen)
	if err != nil {
		return pod.Object{}, err
	}
	p, err := h.pod(ctx, v)
	if err != nil {
		return pod.Object{}, err
	}
	return p.Get(ctx, name)
}

// PutItem loads an envelope into the vault: one made for this resource of this
// pod, or it is refused (pod.CheckEnvelope) before anything is logged.
func (h *Holder) PutItem(ctx context.Context, r Request, name, mediaType string, data []byte, c pod.Condition) (pod.ETag, error) {
	v, err := h.active(ctx, r.Citizen)
	if err != nil {
		return "", err
	}
	p, err := h.pod(ctx, v.vault)
	if err != nil {
		return "", err
	}
	if err := pod.CheckEnvelope(p.URL(), name, mediaType, data); err != nil {
		return "", err
	}
	e := audit.Event{Kind: audit.Load, Detail: kindOf(name)}
	if err := h.use(ctx, r, v.vault, e); err != nil {
		return "", err
	}
	tag, err := p.Put(ctx, name, mediaType, data, c)
	if err != nil {
		h.failed(ctx, r, v.vault, e)
	}
	return tag, err
}

// DeleteItem removes an envelope. Nobody but the citizen can.
func (h *Holder) DeleteItem(ctx context.Context, r Request, name string) error {
	v, err := h.active(ctx, r.Citizen)
	if err != nil {
		return err
	}
	p, err := h.pod(ctx, v.vault)
	if err != nil {
		return err
	}
	if err := pod.CheckName(name); err != nil {
		return err
	}
	e := audit.Event{Kind: audit.ItemDelete, Detail: kindOf(name)}
	if err := h.use(ctx, r, v.vault, e); err != nil {
		return err
	}
	if err = p.Delete(ctx, name); err != nil {
		h.failed(ctx, r, v.vault, e)
	}
	return err
}

// kindOf tells the index from the rest, which all look the same.
func kindOf(name string) string {
	if name == pod.IndexName {
		return "index"
	}
	return "item"
}
