package verifier_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// relist installs a changed list of providers.
func relist(t *testing.T, w *world.World, change func(*trust.Document)) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	old, err := jose.Parse(w.Hierarchy.List)
	must(err)
	d, err := trust.Parse(old.Payload)
	must(err)
	d.LoTE.Scheme.Sequence++
	change(d)
	by := w.Hierarchy.ListSigner
	signer, err := seal.NewSealer(by.Key, trustChain(by), seal.Options{Now: w.Now})
	must(err)
	text, err := d.Sign(signer, w.Now())
	must(err)
	list, err := w.Trust.VerifyList(text, w.Now())
	must(err)
	must(w.Trust.Install(list))
}

func entities(t *testing.T, compact string) []trust.TrustedEntity {
	t.Helper()
	tok, err := jose.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	d, err := trust.Parse(tok.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return d.LoTE.Entities
}

// The status of a credential is believed from its own provider only, and only
// while the list says that the provider signs status lists (Token Status List,
// Section 11.3; ETSI TS 119 602, Annex H).
func TestStatusSigner(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *world.World)
		holds  bool
	}{
		"its own provider": {func(*testing.T, *world.World) {}, true},
		"another listed provider": {func(t *testing.T, w *world.World) {
			other, err := devca.New(devca.Options{Now: w.Now(), Issuer: "https://other.example", Organization: "Ander Register (TEST)", Registration: "NTRBE-0999999625"})
			if err != nil {
				t.Fatal(err)
			}
			relist(t, w, func(d *trust.Document) { d.LoTE.Entities = append(d.LoTE.Entities, entities(t, other.List)...) })
			signer, err := other.StatusSealer(w.Now)
			if err != nil {
				t.Fatal(err)
			}
			w.Statuses, err = status.NewRegister(w.Store, status.Options{Base: world.Issuer, Signer: signer, Size: 1024, TTL: time.Second, Now: w.Now})
			if err != nil {
				t.Fatal(err)
			}
		}, false},
		"its service withdrawn": {func(t *testing.T, w *world.World) {
			relist(t, w, func(d *trust.Document) {
				for i := range d.LoTE.Entities {
					for j := range d.LoTE.Entities[i].Services {
						if in := &d.LoTE.Entities[i].Services[j].Information; in.Type == trust.Revocation {
							in.Status = trust.StatusWithdrawn
						}
					}
				}
			})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			h := w.Issue()
			c.change(t, w)
			s := start(t, w, order(query, verifier.CrossDevice))
			a := w.Fetch(s)
			_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, a.Paths())))
			r := result(t, w, s, "")
			if c.holds {
				if err != nil || !r.Verified {
					t.Fatalf("%v %+v", err, r)
				}
				return
			}
			refused(t, err, verifier.ErrNotVerified)
			unverified(t, r)
			if got := r.Presentations[0].Checks; !slices.Equal(got.Failures(), []string{credential.CheckStatus}) {
				t.Errorf("failed is not the status:\n%s", got)
			}
		})
	}
}

// A receiver asks with the access certificate it has, while it is valid, and a
// request does not outlive the certificate it was made with.
func TestAccessCertificateOverTime(t *testing.T) {
	w := world.New(t)
	s := start(t, w, order(query, verifier.CrossDevice))
	key := world.NewKey()
	leaf, err := w.Hierarchy.IssueAccess(key.Public(), devca.AccessRequest{Organization: "Voorbeelduniversiteit (TEST)", Registration: world.UniversityNumber}, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	next := map[string]verifier.Access{world.University: {Signer: key, Chain: trustChain(devca.Pair{Certificate: leaf})}, world.Employer: w.Access[world.Employer]}
	if err := w.Verifier.Install(t.Context(), w.Receivers(world.Register), next); err != nil {
		t.Fatal(err)
	}
	_, err = w.Verifier.RequestObject(t.Context(), world.Last(s.RequestURI), oid4vp.RequestURIPost{})
	refused(t, err, verifier.ErrExpired)
	start(t, w, order(query, verifier.CrossDevice)) // with the new one it goes on

	w.Advance(leaf.NotAfter.Sub(w.Now()) + time.Second)
	_, err = w.Verifier.Start(t.Context(), world.University, order(query, verifier.CrossDevice))
	refused(t, err, verifier.ErrNotAdmitted)
	early := world.New(t)
	early.Advance(-30 * 24 * time.Hour)
	_, err = early.Verifier.Start(t.Context(), world.University, order(query, verifier.CrossDevice))
	refused(t, err, verifier.ErrNotAdmitted)
}

func trustChain(p devca.Pair) []*x509.Certificate { return []*x509.Certificate{p.Certificate} }
