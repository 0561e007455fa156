package rest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// IdempotencyOptions of NewIdempotency.
type IdempotencyOptions struct {
	Store store.Store
	// Kind of the records. Default "idempotency".
	Kind store.Kind
	// Secret keys the digests and the encryption of what is stored, at least 32
	// bytes. Without it and the client's own key the records say nothing.
	Secret []byte
	// Keep is how long an answer is repeated. Default 24 hours.
	Keep time.Duration
	// Lock is after what time a request that never finished may be made again.
	// It must be longer than the route's timeout. Default 2 minutes.
	Lock time.Duration
	// Required refuses requests without a key.
	Required bool
	// Seal and Open encrypt stored answers instead of the built-in AES-256-GCM
	// under Secret and the client's key. Both or none.
	Seal, Open func(data, aad []byte) ([]byte, error)
	// Now is time.Now if nil.
	Now func() time.Time
}

// Idempotency makes a route safe to repeat: the same Idempotency-Key of the
// same client gets the same answer, and the handler runs once
// (draft-ietf-httpapi-idempotency-key-header-07). Only answers below 400 are
// kept; a request that was refused may be mended and sent again.
type Idempotency struct{ o IdempotencyOptions }

// NewIdempotency checks the options.
func NewIdempotency(o IdempotencyOptions) (*Idempotency, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("rest: idempotency needs a store")
	case len(o.Secret) < 32:
		return nil, errors.New("rest: the idempotency secret must have at least 32 bytes")
	case (o.Seal == nil) != (o.Open == nil):
		return nil, errors.New("rest: idempotency needs both Seal and Open, or none")
	}
	if o.Kind == "" {
		o.Kind = "idempotency"
	}
	if o.Keep <= 0 {
		o.Keep = 24 * time.Hour
	}
	if o.Lock <= 0 {
		o.Lock = 2 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Idempotency{o: o}, nil
}

// maxAttempts is how often a request that never finished is tried anew.
const maxAttempts = 5

// claim is the record of an attempt under way, kept the record of an answer.
type claim struct {
	Print []byte `json:"print"`
	Until int64  `json:"until"` // Unix milliseconds
}

type kept struct {
	Print  []byte `json:"print"`
	Answer []byte `json:"answer"` // sealed
}

type keptAnswer struct {
	Status int         `json:"status"`
	Type   string      `json:"type,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
}

// asked is one request with its key.
type asked struct {
	id    string // of client, route and key
	print []byte // of the request
	key   []byte // for the stored answer
}

func (i *Idempotency) handle(r *Request) (Answer, error) {
	text, err := idempotencyKey(r.HTTP.Header)
	if err != nil {
		return Answer{}, err
	}
	if text == "" {
		if i.o.Required {
			return Answer{}, &Problem{Status: http.StatusBadRequest, Title: "Idempotency-Key is missing", Field: "Idempotency-Key", Expected: "a key of your own, such as a UUID", Spec: idempotencySpec}
		}
		return r.route.Handler(r)
	}
	body, err := r.Body()
	if err != nil {
		return Answer{}, err
	}
	q, err := i.asked(r, text, body)
	if err != nil {
		return Answer{}, err
	}
	r.IdempotencyID = q.id
	if a, ok, err := i.replay(r.Context(), q); ok || err != nil {
		return a, err
	}
	mine, err := i.claim(r.Context(), q)
	if err != nil {
		return Answer{}, err
	}
	// Between the look and the claim another may have finished.
	if a, ok, err := i.replay(r.Context(), q); ok || err != nil {
		return a, errors.Join(err, i.release(r.Context(), mine))
	}
	a, err := r.route.Handler(r)
	if err != nil || a.err != nil || a.Status >= 400 || a.stream != nil {
		if rerr := i.release(r.Context(), mine); rerr != nil && err == nil {
			err = rerr
		}
		return a, err
	}
	return i.keep(r.Context(), q, a)
}

const idempotencySpec = "draft-ietf-httpapi-idempotency-key-header-07, Section 2"

// idempotencyKey reads the header: a string with quotes, as the draft has it,
// or without, as most callers do.
func idempotencyKey(h http.Header) (string, error) {
	all := h.Values("Idempotency-Key")
	if len(all) == 0 {
		return "", nil
	}
	key := all[0]
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	if len(all) > 1 || key == "" || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return "", &Problem{Status: http.StatusBadRequest, Title: "Idempotency-Key is not well-formed", Field: "Idempotency-Key", Expected: "one key of 1 to 255 visible ASCII characters", Spec: idempotencySpec}
	}
	return key, nil
}

// asked derives everything from the secret and the client's key, so that
// neither the key nor what a guess at the body could be compared with is
// stored.
func (i *Idempotency) asked(r *Request, key string, body []byte) (asked, error) {
	derive := func(use string) ([]byte, error) {
		return hkdf.Key(sha256.New, i.o.Secret, []byte(key), "zegel idempotency v1 "+use+"\x00"+r.Client.ID+"\x00"+r.HTTP.Method+" "+r.route.Path, sha256.Size)
	}
	var q asked
	id, err1 := derive("id")
	mac, err2 := derive("print")
	var err3 error
	q.key, err3 = derive("answer")
	if err := errors.Join(err1, err2, err3); err != nil {
		return q, err
	}
	q.id = jose.Encode(id)
	h := hmac.New(sha256.New, mac)
	for _, part := range []string{r.HTTP.URL.EscapedPath(), r.HTTP.URL.RawQuery, r.HTTP.Header.Get("Content-Type"), string(body)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	q.print = h.Sum(nil)
	return q, nil
}

// replay gives the answer that was kept for the request.
func (i *Idempotency) replay(ctx context.Context, q asked) (Answer, bool, error) {
	rec, err := i.o.Store.Get(ctx, i.o.Kind, q.id+".a")
	if errors.Is(err, store.ErrNotFound) {
		return Answer{}, false, nil
	}
	if err != nil {
		return Answer{}, false, err
	}
	var k kept
	if err := jose.Unmarshal(rec.Data, &k); err != nil {
		return Answer{}, false, fmt.Errorf("reading a kept answer: %w", err)
	}
	if err := q.same(k.Print); err != nil {
		return Answer{}, false, err
	}
	plain, err := i.open(q, k.Answer)
	if err != nil {
		return Answer{}, false, fmt.Errorf("opening a kept answer: %w", err)
	}
	var a keptAnswer
	if err := jose.Unmarshal(plain, &a); err != nil {
		return Answer{}, false, fmt.Errorf("reading a kept answer: %w", err)
	}
	return Answer{Status: a.Status, Type: a.Type, Header: a.Header, Body: a.Body}, true, nil
}

func (q asked) same(print []byte) error {
	if subtle.ConstantTimeCompare(print, q.print) == 1 {
		return nil
	}
	return &Problem{
		Status: http.StatusUnprocessableEntity, Title: "Idempotency-Key was used for another request", Field: "Idempotency-Key", Spec: idempotencySpec,
		Remedy: "Use a new key for a new request, and send a repeated one unchanged.",
	}
}

// claim takes the right to run the handler, by unique insert: one winner on
// every store. An attempt that never finished gives way after its time.
func (i *Idempotency) claim(ctx context.Context, q asked) (store.Record, error) {
	now := i.o.Now()
	data, err := jose.Marshal(claim{Print: q.print, Until: now.Add(i.o.Lock).UnixMilli()})
	if err != nil {
		return store.Record{}, err
	}
	wait := i.o.Lock
	for n := 1; n <= maxAttempts; n++ {
		id := q.id + ".c" + strconv.Itoa(n)
		rec, err := i.o.Store.Create(ctx, store.Record{Kind: i.o.Kind, ID: id, Expiry: now.Add(i.o.Keep), Data: data})
		if !errors.Is(err, store.ErrExists) {
			return rec, err
		}
		old, err := i.o.Store.Get(ctx, i.o.Kind, id)
		if errors.Is(err, store.ErrNotFound) {
			wait = time.Second // just released, or about to be swept
			break
		}
		if err != nil {
			return store.Record{}, err
		}
		var c claim
		if err := jose.Unmarshal(old.Data, &c); err != nil {
			return store.Record{}, fmt.Errorf("reading a claim: %w", err)
		}
		if err := q.same(c.Print); err != nil {
			return store.Record{}, err
		}
		if until := time.UnixMilli(c.Until); now.Before(until) {
			wait = min(until.Sub(now), time.Second)
			break
		}
	}
	return store.Record{}, &Problem{
		Status: http.StatusConflict, Title: "The same request is being answered", Field: "Idempotency-Key", Spec: idempotencySpec, Remedy: "Repeat it a little later.",
		Header: http.Header{"Retry-After": {strconv.Itoa(int((wait + time.Second - 1) / time.Second))}},
	}
}

// finish is a context for what must be written even if the caller is gone.
func finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

func (i *Idempotency) release(ctx context.Context, mine store.Record) error {
	ctx, cancel := finish(ctx)
	defer cancel()
	if err := i.o.Store.Delete(ctx, mine); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("releasing a claim: %w", err)
	}
	return nil
}

// keep stores the answer before it is sent. When another attempt was faster
// its answer is the one.
func (i *Idempotency) keep(ctx context.Context, q asked, a Answer) (Answer, error) {
	ctx, cancel := finish(ctx)
	defer cancel()
	plain, err := jose.Marshal(keptAnswer{Status: a.Status, Type: a.Type, Header: a.Header, Body: a.Body})
	if err != nil {
		return Answer{}, err
	}
	sealed, err := i.seal(q, plain)
	if err != nil {
		return Answer{}, fmt.Errorf("sealing an answer: %w", err)
	}
	data, err := jose.Marshal(kept{Print: q.print, Answer: sealed})
	if err != nil {
		return Answer{}, err
	}
	_, err = i.o.Store.Create(ctx, store.Record{Kind: i.o.Kind, ID: q.id + ".a", Expiry: i.o.Now().Add(i.o.Keep), Data: data})
	if errors.Is(err, store.ErrExists) {
		first, ok, err := i.replay(ctx, q)
		if err == nil && !ok {
			err = errors.New("an answer was kept and is gone")
		}
		return first, err
	}
	if err != nil {
		return Answer{}, fmt.Errorf("keeping an answer: %w", err)
	}
	return a, nil
}

func (i *Idempotency) seal(q asked, plain []byte) ([]byte, error) {
	if i.o.Seal != nil {
		return i.o.Seal(plain, []byte(q.id))
	}
	g, err := gcm(q.key)
	if err != nil {
		return nil, err
	}
	return g.Seal(nil, nil, plain, []byte(q.id)), nil
}

func (i *Idempotency) open(q asked, sealed []byte) ([]byte, error) {
	if i.o.Open != nil {
		return i.o.Open(sealed, []byte(q.id))
	}
	g, err := gcm(q.key)
	if err != nil {
		return nil, err
	}
	return g.Open(nil, nil, sealed, []byte(q.id))
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
