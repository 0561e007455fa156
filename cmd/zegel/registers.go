package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// adminActor is who acts through the admin socket or a file of the operator.
const adminActor = "operator"

const kindRegister store.Kind = "register"

// noteRegister records in the use log that a published register is another one
// than at the last start.
func (a *app) noteRegister(ctx context.Context, name string, text []byte) error {
	sum := sha256.Sum256(text)
	digest := jose.Encode(sum[:])
	old, err := a.store.Get(ctx, kindRegister, name)
	if err == nil && string(old.Data) == digest {
		return nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	logged := a.uses.Append(ctx, audit.Event{
		Kind: audit.RegisterChange, Actor: audit.Actor{Kind: audit.Operator, ID: adminActor}, Outcome: audit.OK, DataType: name, Evidence: digest,
	})
	if logged != nil {
		return logged
	}
	next := store.Record{Kind: kindRegister, ID: name, Data: []byte(digest)}
	if err != nil {
		_, err = a.store.Create(ctx, next)
		return err
	}
	_, err = a.store.Replace(ctx, old, next)
	return err
}

// logKeyChange records that a key was replaced.
func (a *app) logKeyChange(ctx context.Context, requestID, detail string) error {
	return a.uses.Append(ctx, audit.Event{Kind: audit.KeyChange, Actor: audit.Actor{Kind: audit.Operator, ID: adminActor}, Outcome: audit.OK, RequestID: requestID, Detail: detail})
}

func readPublicKeys(paths []string) ([]crypto.PublicKey, error) {
	var out []crypto.PublicKey
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(b)
		if block == nil {
			return nil, fmt.Errorf("%s: not a PEM file", path)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: not a public key", path)
		}
		out = append(out, key)
	}
	return out, nil
}
