// Package file reads a supplier's records from a file that it delivers: CSV
// (RFC 4180) or JSON lines, with the records of many citizens. What they mean
// is a mapping.
//
// It reads the file anew for each question and keeps nothing: a file that the
// supplier replaces counts from the next question on. It is for files of a
// size that can be read in one go; a supplier with more needs an interface.
package file

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/mapping"
)

// Format of a file.
type Format string

const (
	CSV   Format = "csv"
	JSONL Format = "jsonl"
)

// Source is a supplier's file as declared.
type Source struct {
	Format Format `yaml:"format"`
	// Delimiter between CSV fields; default a comma.
	Delimiter string `yaml:"delimiter"`
}

// ParseSource reads and lints the declaration of a source.
func ParseSource(name string, b []byte) (Source, error) {
	var s Source
	f, err := declared.Read(name, b, &s)
	if err != nil {
		return Source{}, err
	}
	if s.Format != CSV && s.Format != JSONL {
		f.Fault("format", "expected csv or jsonl, found %q", s.Format)
	}
	if s.Delimiter != "" && (s.Format != CSV || !strings.Contains(",;\t|", s.Delimiter) || len(s.Delimiter) != 1) {
		f.Fault("delimiter", "expected one of comma, semicolon, tab and bar, for csv only")
	}
	if err := f.Err(); err != nil {
		return Source{}, err
	}
	return s, nil
}

const (
	defaultMaxBytes = 64 << 20
	maxLine         = 1 << 20
	maxNotices      = 20
)

// ErrTooLarge: the file has more bytes than the limit.
var ErrTooLarge = errors.New("file is larger than the limit")

// Config says which file is read. Zero values mean the defaults named.
type Config struct {
	FS      fs.FS
	Name    string
	Source  Source
	Mapping *mapping.Mapping
	// MaxBytes bounds the file; default 64 MiB.
	MaxBytes int64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Reader answers from one file. It is safe for concurrent use.
type Reader struct{ c Config }

var _ provider.Connector = (*Reader)(nil)

// New checks the configuration.
func New(c Config) (*Reader, error) {
	if c.FS == nil || c.Name == "" || c.Mapping == nil {
		return nil, errors.New("file: a file system, a name and a mapping are required")
	}
	if !c.Mapping.NamesSubject() {
		return nil, errors.New("file: the mapping must say where a record names its subject: the file holds many citizens")
	}
	if c.Source.Format != CSV && c.Source.Format != JSONL {
		return nil, fmt.Errorf("file: format %q is not csv or jsonl", c.Source.Format)
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Reader{c}, nil
}

// Fetch finds the records of one citizen. A row whose subject cannot be read
// is nobody's and becomes a notice; a row that is not CSV or JSON makes the
// file unusable.
func (r *Reader) Fetch(ctx context.Context, q provider.Query) (provider.Answer, error) {
	if q.Subject.IsZero() {
		return provider.Answer{}, provider.ErrSubject
	}
	f, err := r.c.FS.Open(r.c.Name)
	if err != nil {
		return provider.Answer{}, fmt.Errorf("%w: the supplier's file cannot be opened: %w", provider.ErrUnavailable, err)
	}
	defer f.Close()
	var own []*provider.Node
	var notices []string
	each := func(line int, n *provider.Node) error {
		mine, err := r.c.Mapping.Concerns(q.Subject, n)
		switch {
		case mine:
			own = append(own, n)
		case err != nil && len(notices) < maxNotices:
			notices = append(notices, fmt.Sprintf("line %d: %v", line, err))
		}
		return ctx.Err()
	}
	limited := &limitedReader{r: f, left: r.c.MaxBytes}
	if r.c.Source.Format == CSV {
		err = readCSV(limited, r.c.Source.Delimiter, each)
	} else {
		err = readJSONL(limited, each)
	}
	if err != nil {
		return provider.Answer{}, fmt.Errorf("%w: %w", provider.ErrAnswer, err)
	}
	sorted := r.c.Mapping.Sort(q.Supplier, q.Subject, own)
	return provider.Answer{Records: sorted.Records, Refused: sorted.Refused, Pending: sorted.Pending, NoData: len(own) == 0, Notices: notices, Retrieved: r.c.Now()}, nil
}

// limitedReader fails where io.LimitReader would end quietly.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// readCSV hands over each row with a child per column. The first row names
// the columns.
func readCSV(r io.Reader, delimiter string, each func(line int, n *provider.Node) error) error {
	b := bufio.NewReader(r)
	if bom, _ := b.Peek(3); string(bom) == "\ufeff" {
		_, _ = b.Discard(3)
	}
	c := csv.NewReader(b)
	c.ReuseRecord = true
	if delimiter != "" {
		c.Comma = rune(delimiter[0])
	}
	header, err := c.Read()
	if err == io.EOF {
		return errors.New("line 1: the row that names the columns is missing")
	}
	if err != nil {
		return csvError(err)
	}
	columns := append([]string(nil), header...)
	if err := checkColumns(columns); err != nil {
		return err
	}
	for {
		row, err := c.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		line, _ := c.FieldPos(0)
		n := &provider.Node{Name: "row"}
		for i, cell := range row {
			if !utf8.ValidString(cell) {
				return fmt.Errorf("line %d: column %q: not UTF-8", line, columns[i])
			}
			if cell != "" {
				n.Add(columns[i], cell)
			}
		}
		if err := each(line, n); err != nil {
			return err
		}
	}
}

func checkColumns(columns []string) error {
	seen := map[string]bool{}
	for i, name := range columns {
		if name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "/[]@=") {
			return fmt.Errorf("line 1: column %d: a name without / [ ] @ = is required", i+1)
		}
		if seen[name] {
			return fmt.Errorf("line 1: column %d: the name is used twice", i+1)
		}
		seen[name] = true
	}
	return nil
}

// csvError keeps line and kind; a csv.ParseError holds no content.
func csvError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return err
}

// readJSONL hands over the object on each line; empty lines are skipped.
func readJSONL(r io.Reader, each func(line int, n *provider.Node) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	line := 0
	for s.Scan() {
		line++
		if len(strings.TrimSpace(s.Text())) == 0 {
			continue
		}
		n, err := provider.JSONNode(s.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		if err := each(line, n); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("line %d: %w", line+1, err)
	}
	return nil
}
