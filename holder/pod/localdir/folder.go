package localdir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/jose"
)

// folder is the driver of one pod. Names were checked by pod.Pod.
type folder struct {
	host *Host
	id   string
}

var errNotRegular = errors.New("it is a link or something else that is no regular file; remove it by hand")

// Put implements pod.Driver. Readers see the old version or the new one.
func (f *folder) Put(ctx context.Context, name string, data []byte, c pod.Condition) (pod.ETag, error) {
	m := f.host.writing(f.id)
	m.Lock()
	defer m.Unlock()
	if err := f.exists(); err != nil {
		return "", err
	}
	switch now, err := f.Get(ctx, name); {
	case errors.Is(err, pod.ErrNotFound):
		if !c.Absent() {
			return "", pod.ErrPrecondition
		}
	case err != nil:
		return "", err
	case c.Absent():
		return "", pod.ErrExists
	case c.Match() != now.ETag:
		return "", pod.ErrPrecondition
	}
	temp, err := f.host.write(data)
	if err != nil {
		return "", err
	}
	if err := f.host.root.Rename(temp, f.path(name)); err != nil {
		_ = f.host.root.Remove(temp)
		return "", failed("moving a file into place", err)
	}
	if err := f.host.sync(f.id); err != nil {
		return "", err
	}
	return etag(data), nil
}

// Get implements pod.Driver.
func (f *folder) Get(_ context.Context, name string) (pod.Object, error) {
	if err := f.exists(); err != nil {
		return pod.Object{}, err
	}
	file, err := f.open(name)
	if err != nil {
		return pod.Object{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, pod.MaxSize+1))
	if err != nil {
		return pod.Object{}, failed("reading a file", err)
	}
	if len(data) > pod.MaxSize {
		return pod.Object{}, pod.ErrTooLarge
	}
	return pod.Object{MediaType: pod.MediaType, Data: data, ETag: etag(data)}, nil
}

// List implements pod.Driver.
func (f *folder) List(context.Context) ([]string, error) {
	if err := f.exists(); err != nil {
		return nil, err
	}
	dir, err := f.host.root.Open(f.id)
	if err != nil {
		return nil, missing("opening the pod's folder", err)
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, failed("reading the pod's folder", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Delete implements pod.Driver.
func (f *folder) Delete(_ context.Context, name string) error {
	m := f.host.writing(f.id)
	m.Lock()
	defer m.Unlock()
	if err := f.exists(); err != nil {
		return err
	}
	if err := f.host.root.Remove(f.path(name)); err != nil {
		return missing("removing a file", err)
	}
	return f.host.sync(f.id)
}

// DeleteAll implements pod.Driver: one rename takes the pod out of reach, then
// its files go. What a crash leaves of them goes at the next start.
func (f *folder) DeleteAll(context.Context) error {
	m := f.host.writing(f.id)
	m.Lock()
	defer m.Unlock()
	trash := trashDir + "/" + f.id
	if err := f.host.root.Rename(f.id, trash); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed("moving the pod's folder out of reach", err)
	}
	if err := f.host.sync("."); err != nil {
		return err
	}
	if err := f.host.root.RemoveAll(trash); err != nil {
		return failed("removing the pod's files", err)
	}
	return f.host.sync(trashDir)
}

func (f *folder) path(name string) string { return f.id + "/" + name }

// exists is pod.ErrNotFound unless the pod's folder is there, as a folder.
func (f *folder) exists() error {
	i, err := f.host.root.Lstat(f.id)
	if err != nil {
		return missing("looking for the pod's folder", err)
	}
	if !i.IsDir() {
		return failed("looking for the pod's folder", errors.New("it is a link or a file"))
	}
	return nil
}

// open opens a regular file and nothing that stands in for one. os.Root keeps
// links from leading out of the directory; this keeps them from leading to
// another pod.
func (f *folder) open(name string) (*os.File, error) {
	before, err := f.host.root.Lstat(f.path(name))
	if err != nil {
		return nil, missing("looking for a file", err)
	}
	if !before.Mode().IsRegular() {
		return nil, failed("opening a file", errNotRegular)
	}
	file, err := f.host.root.Open(f.path(name))
	if err != nil {
		return nil, missing("opening a file", err)
	}
	after, err := file.Stat()
	switch {
	case err != nil:
	case !after.Mode().IsRegular():
		err = errNotRegular
	case !os.SameFile(before, after):
		// Replaced by a rename since Lstat, which is how a write looks; a link
		// in its place must still be refused.
		var now fs.FileInfo
		if now, err = f.host.root.Lstat(f.path(name)); err == nil && !now.Mode().IsRegular() {
			err = errNotRegular
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, missing("opening a file", err)
	}
	return file, nil
}

// write leaves data, synced, in a temporary file and returns its path.
func (h *Host) write(data []byte) (string, error) {
	temp := tempDir + "/" + pod.NewName()
	file, err := h.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", failed("making a temporary file", err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = h.root.Remove(temp)
		return "", failed("writing a temporary file", err)
	}
	return temp, nil
}

// etag is a strong validator: the same for the same bytes only.
func etag(data []byte) pod.ETag {
	sum := sha256.Sum256(data)
	return pod.ETag(`"` + jose.Encode(sum[:]) + `"`)
}

func missing(doing string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", pod.ErrNotFound, doing)
	}
	return failed(doing, err)
}
