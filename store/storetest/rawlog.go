package storetest

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
)

// rawLog is the least that a durable store on this disk must do: append a
// checked frame to a file and sync it, whatever queued during a sync together.
// It cannot be read back; it only marks the limit.
//
// A writer that finds nobody at work commits for all who queued, itself, so
// that a lone writer waits for no other goroutine; at the end it hands the work
// to a writer of the next batch.
type rawLog struct {
	file *os.File

	mu    sync.Mutex
	busy  bool // somebody commits
	queue *batch
}

// batch is what one sync makes durable.
type batch struct {
	frames []byte
	lead   chan struct{} // tells one writer to commit the batch
	done   chan struct{} // closed when that has happened
	err    error
}

func newBatch() *batch {
	return &batch{lead: make(chan struct{}, 1), done: make(chan struct{})}
}

func openRawLog(dir string) (*rawLog, error) {
	file, err := os.OpenFile(filepath.Join(dir, "raw.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &rawLog{file: file, queue: newBatch()}, nil
}

func (l *rawLog) append(frame []byte) error {
	l.mu.Lock()
	mine := l.queue
	mine.frames = binary.LittleEndian.AppendUint32(mine.frames, uint32(len(frame)))
	mine.frames = binary.LittleEndian.AppendUint32(mine.frames, crc32.Checksum(frame, castagnoli))
	mine.frames = append(mine.frames, frame...)
	if !l.busy {
		l.busy = true
		mine.lead <- struct{}{}
	}
	l.mu.Unlock()

	select {
	case <-mine.done:
	case <-mine.lead:
		l.commit(mine)
	}
	return mine.err
}

func (l *rawLog) commit(b *batch) {
	l.mu.Lock()
	next := newBatch()
	l.queue = next
	l.mu.Unlock()
	if _, b.err = l.file.Write(b.frames); b.err == nil {
		b.err = syncData(l.file)
	}
	close(b.done)

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy = len(next.frames) > 0; l.busy {
		next.lead <- struct{}{}
	}
}

func (l *rawLog) close() { _ = l.file.Close() }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
