// Package localdir keeps pods in a directory of the machine: a folder per pod,
// a file per resource. It is the default driver.
//
// A write is in a temporary file, synced, renamed into place, and the folder
// synced before it is acknowledged, so a crash leaves the old version or the
// new one and never loses what was acknowledged. One process owns the
// directory at a time. The package gives no confidentiality beyond file modes;
// that is what the envelopes are for.
package localdir

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/zegel-id/zegel/holder/pod"
)

// Folders beside the pods. No pod has such a name.
const (
	tempDir  = ".tmp"   // files being written
	trashDir = ".trash" // pods being deleted
	lockFile = ".lock"
)

// Host is a directory of pods.
type Host struct {
	base string
	// root resolves no path to outside of the directory, symbolic links
	// included.
	root *os.Root
	lock *os.File
	// writes serialises the check and the write of one pod; pods share them.
	writes [64]sync.Mutex
}

// New opens dir, making it if needed, for pods whose addresses begin with
// base, which is in the form of pod.CheckURL. Nobody else needs to be able to
// fetch these addresses: they are names that envelopes are bound to. It fails
// if another process has the directory open.
func New(dir, base string) (*Host, error) {
	if err := pod.CheckURL(base); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of pods: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("directory of pods: %w", err)
	}
	h := &Host{base: base, root: root}
	if err := h.start(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// start takes the directory and clears what a crash may have left.
func (h *Host) start() (err error) {
	if h.lock, err = h.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("directory of pods: %w", err)
	}
	if err := exclusive(h.lock); err != nil {
		return fmt.Errorf("directory of pods: another process has it open; stop it or give this one a directory of its own: %w", err)
	}
	for _, d := range []string{tempDir, trashDir} {
		if err := h.root.RemoveAll(d); err != nil {
			return fmt.Errorf("directory of pods: clearing what was left unfinished: %w", err)
		}
		if err := h.root.Mkdir(d, 0o700); err != nil {
			return fmt.Errorf("directory of pods: %w", err)
		}
	}
	return h.sync(".")
}

// Close releases the directory.
func (h *Host) Close() error {
	var err error
	if h.lock != nil {
		err = h.lock.Close()
	}
	return errors.Join(err, h.root.Close())
}

// Create makes an empty pod. Nothing of the WebID is kept: a folder needs no
// owner, and its name must not lead to one.
func (h *Host) Create(ctx context.Context, _ string) (pod.Location, error) {
	if err := ctx.Err(); err != nil {
		return pod.Location{}, err
	}
	id := pod.NewName()
	if err := h.root.Mkdir(id, 0o700); err != nil {
		return pod.Location{}, failed("making the pod's folder", err)
	}
	if err := h.sync("."); err != nil {
		return pod.Location{}, err
	}
	return pod.Location{URL: h.base + id + "/"}, nil
}

// Open returns the pod at a location, or pod.ErrNotFound. The location may
// have another base than the host has now: the last segment names the folder.
func (h *Host) Open(ctx context.Context, at pod.Location) (*pod.Pod, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id := path.Base(strings.TrimSuffix(at.URL, "/"))
	if !pod.IsRandomName(id) {
		return nil, fmt.Errorf("%w: the location is not one of a local directory", pod.ErrNotFound)
	}
	p := &folder{host: h, id: id}
	if err := p.exists(); err != nil {
		return nil, err
	}
	return pod.Guard(at.URL, p)
}

func (h *Host) writing(id string) *sync.Mutex {
	f := fnv.New32a()
	_, _ = f.Write([]byte(id))
	return &h.writes[f.Sum32()%uint32(len(h.writes))]
}

// sync makes the entries of a folder durable.
func (h *Host) sync(dir string) error {
	f, err := h.root.Open(dir)
	if err != nil {
		return failed("opening a folder to sync it", err)
	}
	defer f.Close()
	if err := syncDir(f); err != nil {
		return failed("syncing a folder", err)
	}
	return nil
}

// failed describes an error of the file system by what was done, without the
// path.
func failed(doing string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return fmt.Errorf("%w: %s: %w", pod.ErrUnavailable, doing, err)
}
