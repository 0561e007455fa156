// Package keyhistory serves the public history of keys (seal/history): the roles
// have the same routes, below /key-history. Nothing here changes anything.
package keyhistory

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/history"
)

// History is what is served; *history.Log is one.
type History interface {
	Keys() []string
	Checkpoint(ctx context.Context) ([]byte, error)
	Entries(ctx context.Context, start, end int64) ([][]byte, error)
	Inclusion(ctx context.Context, index, size int64) (leaf [32]byte, proof [][32]byte, err error)
	Consistency(ctx context.Context, from, to int64) ([][32]byte, error)
}

// fresh is how long the checkpoint may be kept: so much later others see an entry.
// What is said of a tree of one size never changes, and may be kept for long.
const (
	fresh   = 10 * time.Second
	forever = 30 * 24 * time.Hour
)

type server struct{ h History }

// Routes are those of a history; none if it is nil.
func Routes(h History) []rest.Route {
	if h == nil {
		return nil
	}
	s := server{h}
	spec := func(of string) string { return of + "; docs/decisions/0023" }
	return []rest.Route{
		{Method: "GET", Path: "/key-history/key", Handler: s.key, Spec: spec("C2SP signed-note"), CORS: true},
		{Method: "GET", Path: "/key-history/checkpoint", Handler: s.checkpoint, Spec: spec("C2SP tlog-checkpoint"), CORS: true},
		{Method: "GET", Path: "/key-history/entries", Handler: s.entries, Spec: spec("RFC 6962, Section 2.1"), CORS: true},
		{Method: "GET", Path: "/key-history/inclusion", Handler: s.inclusion, Spec: spec("RFC 6962, Section 2.1.1"), CORS: true},
		{Method: "GET", Path: "/key-history/consistency", Handler: s.consistency, Spec: spec("RFC 6962, Section 2.1.2"), CORS: true},
	}
}

// key answers with the keys that sign checkpoints, a line each.
func (s server) key(*rest.Request) (rest.Answer, error) {
	return plain([]byte(strings.Join(s.h.Keys(), "\n") + "\n")).Cache(fresh), nil
}

func plain(b []byte) rest.Answer { return rest.Text(http.StatusOK, "text/plain; charset=utf-8", b) }

func (s server) checkpoint(r *rest.Request) (rest.Answer, error) {
	b, err := s.h.Checkpoint(r.Context())
	if err != nil {
		return rest.Answer{}, err
	}
	return plain(b).Cache(fresh), nil
}

// entries answers with the bytes of entries, a line each: canonical JSON has no line
// breaks.
func (s server) entries(r *rest.Request) (rest.Answer, error) {
	start, end, err := numbers(r, "start", "end")
	if err != nil {
		return rest.Answer{}, err
	}
	all, err := s.h.Entries(r.Context(), start, end)
	if err != nil {
		return rest.Answer{}, refused(err)
	}
	body := append(bytes.Join(all, []byte("\n")), '\n')
	return rest.Text(http.StatusOK, "application/jsonl", body).Cache(forever), nil
}

func (s server) inclusion(r *rest.Request) (rest.Answer, error) {
	index, size, err := numbers(r, "index", "size")
	if err != nil {
		return rest.Answer{}, err
	}
	leaf, proof, err := s.h.Inclusion(r.Context(), index, size)
	if err != nil {
		return rest.Answer{}, refused(err)
	}
	p := history.InclusionProof{Index: index, Size: size, Leaf: base64.StdEncoding.EncodeToString(leaf[:]), Proof: history.Encode(proof)}
	return rest.JSON(http.StatusOK, p).Cache(forever), nil
}

func (s server) consistency(r *rest.Request) (rest.Answer, error) {
	from, to, err := numbers(r, "from", "to")
	if err != nil {
		return rest.Answer{}, err
	}
	proof, err := s.h.Consistency(r.Context(), from, to)
	if err != nil {
		return rest.Answer{}, refused(err)
	}
	return rest.JSON(http.StatusOK, history.ConsistencyProof{From: from, To: to, Proof: history.Encode(proof)}).Cache(forever), nil
}

// numbers reads two parameters in plain decimal.
func numbers(r *rest.Request, first, second string) (a, b int64, err error) {
	q, err := r.Query()
	if err != nil {
		return 0, 0, err
	}
	for _, p := range []struct {
		name string
		to   *int64
	}{{first, &a}, {second, &b}} {
		text, err := q.Require(p.name)
		if err != nil {
			return 0, 0, err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
			return 0, 0, &rest.Problem{Status: http.StatusBadRequest, Title: "Not a number", Field: p.name, Expected: "a number from 0, in decimal"}
		}
		*p.to = n
	}
	return a, b, nil
}

// refused tells an outsider that a number is beyond the history; what else went
// wrong is the operator's to know.
func refused(err error) error {
	if !errors.Is(err, history.ErrRange) {
		return err
	}
	return &rest.Problem{
		Status: http.StatusBadRequest, Title: "Out of range", Expected: "numbers within the size of the last checkpoint, the smaller first, and at most 256 entries at once",
		Remedy: "Fetch /key-history/checkpoint and ask within it.", Cause: err,
	}
}
