package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// keptLists keeps trusted lists in a directory, one file for each address. They
// are longer than what a store takes (store.MaxData), each instance fetches its
// own, and what is read back is verified again.
type keptLists struct{ dir string }

// openKeptLists makes the directory and clears what a crash left half written.
func openKeptLists(dir string) (keptLists, error) {
	k := keptLists{dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return k, err
	}
	half, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil {
		return k, err
	}
	for _, path := range half {
		err = errors.Join(err, os.Remove(path))
	}
	return k, err
}

// path hides what an address may hold behind its digest.
func (k keptLists) path(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(k.dir, hex.EncodeToString(sum[:])+".xml")
}

// Keep implements tsl.Keeper. After it returns the document outlasts a power cut.
func (k keptLists) Keep(_ context.Context, address string, doc []byte) error {
	if err := writeOver(k.path(address), doc); err != nil {
		return err
	}
	d, err := os.Open(k.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Kept implements tsl.Keeper.
func (k keptLists) Kept(_ context.Context, address string) ([]byte, error) {
	f, err := os.Open(k.path(address))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, tsl.MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(doc) > tsl.MaxSize {
		return nil, fmt.Errorf("%s is longer than %d bytes, so it is no list of ours; find out who wrote it, then remove it", f.Name(), tsl.MaxSize)
	}
	return doc, nil
}
