package bench

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store"
)

// statuses is a list of 2^20 entries, of which one in ten is set at random.
type statuses struct {
	register *status.Register
	id       string
	at       *time.Time
	keys     *devca.Hierarchy
	set      [][2]uint64 // indexes and their values
}

const entries = 1 << 20

func newStatuses(t *testing.T) (s statuses) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Truncate(time.Second)
	s.at = &at
	now := func() time.Time { return *s.at }
	var err error
	s.keys, err = devca.New(devca.Options{Now: at.AddDate(0, 0, -2), Issuer: issuerURL})
	ok(err)
	sealer, err := s.keys.StatusSealer(now)
	ok(err)
	cwt, err := status.NewCWTSigner(s.keys.Status.Key, []*x509.Certificate{s.keys.Status.Certificate})
	ok(err)
	s.register, err = status.NewRegister(&memory{records: map[string]store.Record{}}, status.Options{
		Base: issuerURL, Signer: sealer, Size: entries, CWT: cwt, Now: now,
		Bitstring: &status.BitstringOptions{Issuer: issuerURL, Securer: listSealer{sealer, now}, MediaType: "application/vc+jwt"},
	})
	ok(err)
	n := 1000 // the rows work with fewer, too
	if *full {
		n = entries / 10
	}
	refs, err := s.register.AllocateN(t.Context(), n)
	ok(err)
	source := rand.New(rand.NewPCG(1, 2))
	for _, ref := range refs {
		value := status.Value(1 + source.IntN(2))
		ok(s.register.Set(t.Context(), ref, value))
		s.set = append(s.set, [2]uint64{ref.Index, uint64(value)})
	}
	s.id = refs[0].URI[strings.LastIndexByte(refs[0].URI, '/')+1:]
	if !strings.HasSuffix(refs[len(refs)-1].URI, s.id) {
		t.Fatal("the indexes are of several lists")
	}
	return s
}

// publishing signs a form of the list anew each time: it was last signed 18 hours before,
// or after.
func (s statuses) publishing(publish func(context.Context, string) (status.Published, error)) side {
	from, later := *s.at, false
	return local(func() error {
		if later = !later; later {
			*s.at = from.Add(18 * time.Hour)
		} else {
			*s.at = from
		}
		_, err := publish(context.Background(), s.id)
		return err
	})
}

func (s statuses) revocation(ctx context.Context, id string) (status.Published, error) {
	return s.register.ListCredential(ctx, id, status.Revocation)
}

const publishJWT = "compressing and signing it, as JWT"

// statusLists is the publication of a list against a signature.
func statusLists(t *testing.T) []row {
	s := newStatuses(t)
	bare := func(name string, publish func(context.Context, string) (status.Published, error)) row {
		return row{name: name, reference: "P-256 signature", cost: true, goal: 250, ours: s.publishing(publish), theirs: bareSign(t, 1)}
	}
	return []row{
		bare(publishJWT, s.register.Token), bare("the same, as CWT", s.register.CWT), bare("the same, as Bitstring Status List", s.revocation),
	}
}

// statusListsNode is the same against the library of the OpenWallet Foundation: what it
// publishes says the same of each index.
func statusListsNode(t *testing.T) []row {
	peer := node(t, "../sdjwt", "bench.mjs", "@sd-jwt/jwt-status-list")
	s := newStatuses(t)
	published, err := s.register.Token(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := status.ParseToken(string(published.Body))
	if err != nil {
		t.Fatal(err)
	}
	list := peer.ready(t, "list", map[string]any{
		"size": entries, "bits": ours.List.Bits(), "set": s.set, "key": private(t, s.keys.Status.Key),
		"claims": map[string]any{"sub": ours.Subject, "iat": ours.IssuedAt.Unix(), "exp": ours.Expires.Unix(), "ttl": int64(ours.TTL / time.Second)},
	})
	const reference = "@sd-jwt/jwt-status-list 0.19.0"
	theirs, err := status.ParseToken(list.result(t))
	if err != nil || theirs.JWS.Verify(s.keys.Status.Key.Public()) != nil {
		t.Fatalf("what %s published: %v", reference, err)
	}
	for i := range uint64(entries) {
		a, _ := ours.List.At(i)
		if b, err := theirs.List.At(i); err != nil || a != b {
			t.Fatalf("what %s published says otherwise: %v", reference, err)
		}
	}
	return []row{{name: publishJWT, reference: reference, ours: s.publishing(s.register.Token), theirs: list.side(t)}}
}

// listSealer seals a status list credential as vc+jwt.
type listSealer struct {
	sealer *seal.Sealer
	now    func() time.Time
}

// Secure implements status.Securer.
func (l listSealer) Secure(_ context.Context, document []byte) ([]byte, error) {
	d, err := vcjose.Prepare(vcjose.Credential{Document: document, IssuedAt: l.now()})
	if err != nil {
		return nil, err
	}
	text, err := d.Seal(l.sealer)
	return []byte(text), err
}

// memory is a store without a disk: a list has a hundred thousand changes, and what it
// costs to keep them is not measured here.
type memory struct {
	store.Store

	mu      sync.Mutex
	records map[string]store.Record
}

func name(kind store.Kind, id string) string { return string(kind) + " " + id }

// Create implements store.Store.
func (m *memory) Create(_ context.Context, r store.Record) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.records[name(r.Kind, r.ID)]; ok {
		return store.Record{}, store.ErrExists
	}
	r.Version = 1
	m.records[name(r.Kind, r.ID)] = r
	return r, nil
}

// Get implements store.Store.
func (m *memory) Get(_ context.Context, kind store.Kind, id string) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[name(kind, id)]
	if !ok {
		return r, store.ErrNotFound
	}
	return r, nil
}

// Find implements store.Store, for few records.
func (m *memory) Find(_ context.Context, kind store.Kind, tag string, _ store.Page) (found []store.Record, next string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if r.Kind == kind && (tag == "" || slices.Contains(r.Tags, tag)) {
			found = append(found, r)
		}
	}
	if slices.SortFunc(found, func(a, b store.Record) int { return strings.Compare(a.ID, b.ID) }); len(found) > store.MaxLimit {
		return nil, "", fmt.Errorf("%d records", len(found))
	}
	return found, "", nil
}
