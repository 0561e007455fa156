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

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// keptLists keeps lists in a directory, one file for each address. They are longer
// than what a store takes (store.MaxData), each instance fetches its own, and what
// is read back is verified again.
type keptLists struct {
	dir  string
	ext  string // of the files
	most int64  // the longest list
}

// unionLists are trusted lists (ETSI TS 119 612) in a directory.
func unionLists(dir string) keptLists { return keptLists{dir, ".xml", tsl.MaxSize} }

// entityLists are lists of trusted entities (ETSI TS 119 602) in a directory.
func entityLists(dir string) keptLists { return keptLists{dir, ".jwt", trust.MaxList} }

// openKeptLists opens a directory of trusted lists.
func openKeptLists(dir string) (keptLists, error) { return unionLists(dir).open() }

// open makes the directory and clears what a crash left half written.
func (k keptLists) open() (keptLists, error) {
	dir := k.dir
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
	return filepath.Join(k.dir, hex.EncodeToString(sum[:])+k.ext)
}

// Keep implements tsl.Keeper and lote.Keeper. After it returns the document outlasts a power cut.
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

// Kept implements tsl.Keeper and lote.Keeper.
func (k keptLists) Kept(_ context.Context, address string) ([]byte, error) {
	f, err := os.Open(k.path(address))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, k.most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(doc)) > k.most {
		return nil, fmt.Errorf("%s is longer than %d bytes, so it is no list of ours; find out who wrote it, then remove it", f.Name(), k.most)
	}
	return doc, nil
}

// readOnly are kept lists that a command reads and does not change.
type readOnly struct{ keptLists }

func (readOnly) Keep(context.Context, string, []byte) error { return nil }
