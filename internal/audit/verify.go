package audit

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Report is what Verify found. The log is intact when there are no problems.
type Report struct {
	Log string `json:"log"`
	// Checkpoint and Signed are number and time of the last checkpoint.
	Checkpoint uint64        `json:"checkpoint"`
	Signed     time.Time     `json:"signed"`
	Classes    []ClassReport `json:"classes"`
	Problems   []Problem     `json:"problems,omitempty"`
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return r.Log != "" && len(r.Problems) == 0 }

// ClassReport is what stands in one class.
type ClassReport struct {
	Name     string `json:"name"`
	Keep     Keep   `json:"keep"`
	Segments int    `json:"segments"`
	// First and Last are numbers of entries; those before First were purged.
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Entries uint64 `json:"entries"`
	// Unsigned counts the entries after the last checkpoint: they are chained,
	// but who can write the files can write them anew.
	Unsigned uint64 `json:"unsigned"`
	// Purged is the time of the newest purged event.
	Purged *time.Time `json:"purged,omitempty"`
}

// Problem is one thing that is wrong, and where.
type Problem struct {
	Class   string `json:"class,omitempty"`
	Segment uint64 `json:"segment,omitempty"`
	Line    int    `json:"line,omitempty"`
	Detail  string `json:"detail"`
}

func (p Problem) String() string {
	switch {
	case p.Class == "":
		return p.Detail
	case p.Segment == 0:
		return fmt.Sprintf("class %s: %s", p.Class, p.Detail)
	}
	return fmt.Sprintf("class %s, segment %d, line %d: %s", p.Class, p.Segment, p.Line, p.Detail)
}

// Verify checks the log in a folder against its signed checkpoints, whose
// public keys are given, and against checkpoints known from elsewhere. The
// error means that it could not be checked; what is wrong with the log stands
// in the report. For a log that a process has open use Log.Verify.
func Verify(dir string, keys []crypto.PublicKey, known ...string) (Report, error) {
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Report{}, fmt.Errorf("audit: %w", err)
	}
	if _, err := os.Stat(dir); err != nil {
		return Report{}, fmt.Errorf("audit: %w", err)
	}
	v := verification{dir: dir, keys: keys}
	return v.run(b, known)
}

// Verify checks the open log after signing its present state.
func (l *Log) Verify(known ...string) (Report, error) {
	if err := l.Checkpoint(); err != nil {
		return Report{}, err
	}
	l.upkeep.RLock()
	defer l.upkeep.RUnlock()
	l.mu.Lock()
	b := l.points.text()
	l.mu.Unlock()
	// The ends are read after the checkpoints, so that nothing signed lies
	// beyond them.
	v := verification{dir: l.dir, keys: l.o.keys(), ends: l.ends()}
	return v.run(b, known)
}

// end is where the durable part of a class ends while it is being written.
type end struct {
	segment uint64
	size    int64
}

func (l *Log) ends() map[string]end {
	m := map[string]end{}
	for name, c := range l.chains {
		at, size, _ := c.state()
		m[name] = end{at.Segment, size}
	}
	return m
}

// limit is how much of a segment may be read; skip says that it came later.
func limit(ends map[string]end, class string, segment uint64) (bytes int64, skip bool) {
	e, ok := ends[class]
	switch {
	case !ok || segment < e.segment:
		return -1, false
	case segment > e.segment:
		return 0, true
	}
	return e.size, false
}

type verification struct {
	dir  string
	keys []crypto.PublicKey
	ends map[string]end // nil when nobody writes
	r    Report
}

func (v *verification) problem(p Problem) { v.r.Problems = append(v.r.Problems, p) }

func (v *verification) run(b []byte, known []string) (Report, error) {
	if len(v.keys) == 0 {
		return Report{}, errors.New("audit: no public key of the checkpoints was given")
	}
	anchors, err := v.anchors(known)
	if err != nil {
		return Report{}, err
	}
	points, torn, err := readCheckpoints(b, v.keys)
	if err != nil {
		v.problem(Problem{Detail: err.Error()})
	}
	if len(torn) > 0 {
		v.problem(Problem{Detail: "the last checkpoint is not finished: the log was not closed and not opened again, or was cut"})
	}
	if len(points) == 0 {
		v.problem(Problem{Detail: "there is no signed checkpoint"})
		return v.r, nil
	}
	last := points.last()
	v.r.Log, v.r.Checkpoint, v.r.Signed = last.Log, last.Number, last.Issued.Time()
	v.compare(points, anchors)
	if err := v.strangers(last); err != nil {
		return Report{}, err
	}
	for _, name := range classNames(last.Class) {
		if err := v.class(name, last, append(points, anchors...)); err != nil {
			return Report{}, err
		}
	}
	return v.r, nil
}

func (v *verification) anchors(known []string) (checkpoints, error) {
	var out checkpoints
	for _, text := range known {
		s, err := parseCheckpoint(text, v.keys)
		if err != nil {
			return nil, fmt.Errorf("audit: a checkpoint to compare with: %w", err)
		}
		out = append(out, s)
	}
	return out, nil
}

// compare finds a log that was rolled back or written anew since a checkpoint
// that is known from elsewhere.
func (v *verification) compare(points, anchors checkpoints) {
	for _, a := range anchors {
		switch {
		case a.Log != points.last().Log:
			v.problem(Problem{Detail: "the checkpoint to compare with is of another log"})
		case a.Number > points.last().Number:
			v.problem(Problem{Detail: fmt.Sprintf("checkpoint %d is known, but the log ends with checkpoint %d: it was rolled back", a.Number, points.last().Number)})
		case a.Number >= points[0].Number && points[a.Number-points[0].Number].text != a.text:
			v.problem(Problem{Detail: fmt.Sprintf("checkpoint %d is not the one that is known: the log was written anew", a.Number)})
		}
	}
}

// strangers finds what does not belong in the folder.
func (v *verification) strangers(last signed) error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, e := range entries {
		_, class := last.Class[e.Name()]
		if class && e.IsDir() || e.Type().IsRegular() && (e.Name() == lockFile || e.Name() == checkpointFile) {
			continue
		}
		v.problem(Problem{Detail: fmt.Sprintf("unexpected file %q", e.Name())})
	}
	return nil
}

type position struct{ segment, seq uint64 }

// class walks one chain from its signed beginning and holds it against every
// checkpoint.
func (v *verification) class(name string, last signed, points checkpoints) error {
	x := last.Class[name]
	marks := map[position]hash{}
	for _, p := range points {
		m := p.Class[name].End
		if p.Log != last.Log || p.Class[name].Keep == (Keep{}) || m.Segment < x.Start.Segment {
			continue // of another log, before the class was, or purged
		}
		at := position{m.Segment, m.Seq}
		if h, ok := marks[at]; ok && h != m.Head {
			v.problem(Problem{Class: name, Detail: fmt.Sprintf("two checkpoints disagree on entry %d", m.Seq)})
		}
		marks[at] = m.Head
	}
	w := &walker{log: last.Log, class: name, at: x.Start}
	meet := func() error {
		at := position{w.at.Segment, w.at.Seq}
		h, ok := marks[at]
		delete(marks, at)
		if ok && h != w.at.Head {
			return fmt.Errorf("entry %d is not what was signed: the log was written anew", w.at.Seq)
		}
		return nil
	}
	if err := meet(); err != nil {
		v.problem(Problem{Class: name, Detail: err.Error()})
	}
	n, broken, err := v.walk(name, w, meet)
	if err != nil {
		return err
	}
	if !broken && len(marks) > 0 {
		var most uint64
		for at := range marks {
			most = max(most, at.seq)
		}
		v.problem(Problem{Class: name, Detail: fmt.Sprintf("the log ends with entry %d in segment %d, but entry %d was signed: it was cut", w.at.Seq, w.at.Segment, most)})
	}
	c := ClassReport{Name: name, Keep: x.Keep, Segments: n, First: x.Start.Seq + 1, Last: w.at.Seq, Purged: x.Purged}
	c.Entries = c.Last - x.Start.Seq
	if c.Last > x.End.Seq {
		c.Unsigned = c.Last - x.End.Seq
	}
	v.r.Classes = append(v.r.Classes, c)
	return nil
}

// walk goes through the segments of a class and stops at the first problem.
func (v *verification) walk(name string, w *walker, meet func() error) (n int, broken bool, err error) {
	numbers, strangers, err := segments(v.dir, name)
	if err != nil {
		return 0, false, fmt.Errorf("audit: %w", err)
	}
	for _, s := range strangers {
		v.problem(Problem{Class: name, Detail: fmt.Sprintf("unexpected file %q", s)})
	}
	for _, number := range numbers {
		most, skip := limit(v.ends, name, number)
		if skip {
			break
		}
		if number <= w.at.Segment {
			v.problem(Problem{Class: name, Segment: number, Detail: "the segment is from before the signed beginning: a purge was interrupted, or it was put there"})
			continue
		}
		if number != w.at.Segment+1 {
			v.problem(Problem{Class: name, Segment: w.at.Segment + 1, Detail: "the segment is missing"})
			return n, true, nil
		}
		_, at, err := w.walkSegment(segmentPath(v.dir, name, number), most, false, func(Entry) error { return meet() })
		var path *os.PathError
		if errors.As(err, &path) {
			return n, true, fmt.Errorf("audit: %w", err)
		}
		if err != nil {
			v.problem(Problem{Class: name, Segment: number, Line: at.line, Detail: err.Error()})
			return n, true, nil
		}
		n++
	}
	return n, false, nil
}
