package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/store"
)

// kindKeys are the keys of rings that the use log has been told of.
const kindKeys store.Kind = "keys-noted"

// noteKeys writes into the use log what commands changed in the key rings without a
// server: keys that wait, that became ready, and that are there no more, which no
// command does. What the server itself changes it logs itself.
func (a *app) noteKeys(ctx context.Context) error {
	a.noting.Lock()
	defer a.noting.Unlock()
	for _, tenant := range slices.Sorted(slices.Values(a.local.tenants())) {
		if err := a.noteRing(ctx, tenant); err != nil {
			return fmt.Errorf("noting the keys of %q: %w", tenant, err)
		}
	}
	return nil
}

func (a *app) noteRing(ctx context.Context, tenant string) error {
	keys, err := a.local.ring(tenant).Keys()
	if err != nil {
		return err
	}
	now := map[string]keyring.State{}
	for _, k := range keys {
		now[k.ID] = k.State
	}
	id := "ring-" + tenant
	old, missing := a.store.Get(ctx, kindKeys, id)
	if missing != nil && !errors.Is(missing, store.ErrNotFound) {
		return missing
	}
	before := map[string]keyring.State{}
	if missing == nil {
		if err := json.Unmarshal(old.Data, &before); err != nil {
			return err
		}
	}
	if maps.Equal(before, now) {
		return nil
	}
	says := map[string]string{}
	for key, s := range now {
		if s != before[key] && (s == keyring.Requested || s == keyring.Ready) {
			says[key] = string(s)
		}
	}
	for key, s := range before {
		// One without a certificate goes when the server retires it.
		if _, there := now[key]; !there && s != keyring.Requested {
			says[key] = "gone"
		}
	}
	for _, key := range slices.Sorted(maps.Keys(says)) {
		if err := a.logKeyChange(ctx, "", strings.TrimSpace(useSeal+" key "+tenant)+" "+says[key]+" "+key); err != nil {
			return err
		}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	next := store.Record{Kind: kindKeys, ID: id, Data: text}
	if missing != nil {
		_, err = a.store.Create(ctx, next)
		return err
	}
	_, err = a.store.Replace(ctx, old, next)
	return err
}

func (a *app) keysChanged(r *rest.Request) (rest.Answer, error) {
	if err := a.noteKeys(r.Context()); err != nil {
		return rest.Answer{}, err
	}
	return rest.NoContent(), nil
}

func readFileBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return b, nil
}

// trimLine takes the end of a line away, and nothing else.
func trimLine(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }
