// Package world is what the verifier's tests run in: a public body that seals
// credentials and publishes their status, two admitted receivers, and a wallet
// that can also do everything it must not. It is for tests only.
package world

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// Names of this world.
const (
	Issuer   = "https://issuer.example"
	VCT      = Issuer + "/types/led-diploma"
	OtherVCT = Issuer + "/types/other"
	URL      = "https://verifier.example"

	University = "university" // x509_hash
	Employer   = "employer"   // x509_san_dns
	Use        = "enrolment"
	Redirect   = "https://www.university.example/back?session=1"

	UniversityNumber = "NTRBE-0999999823"
	EmployerNumber   = "NTRBE-0999999724"
)

// Register is the file of receivers.
const Register = `receivers:
  - id: university
    status: admitted
    legal_name: Voorbeelduniversiteit (TEST)
    registration: NTRBE-0999999823
    country: BE
    privacy_statement: https://www.university.example/privacy
    hosts: [www.university.example]
    intended_uses:
      - id: enrolment
        purpose: {nl: Inschrijven, fr: Inscrire, de: Einschreiben, en: Enrol}
        legal_basis: Codex Hoger Onderwijs, art. II.178 (TEST)
        credentials:
          - format: dc+sd-jwt
            vct_values: [https://issuer.example/types/led-diploma]
            claims: [[title], [level], [person, family_name], [tags, null], [subjects, null, name]]
          - format: dc+sd-jwt
            vct_values: [https://issuer.example/types/other]
            claims: [[title]]
          - format: mso_mdoc
            doctype_value: example.diploma.1
            claims: [[example.diploma.1, title], [example.diploma.1, level]]
          - format: mso_mdoc
            doctype_value: example.other.1
            claims: [[example.diploma.1, title]]
          - format: jwt_vc_json
            type_values: [["http://data.europa.eu/snb/model/elm/EuropeanDigitalCredential"], [https://issuer.example/other]]
            claims: [[credentialSubject, hasClaim, title, nl]]
          - format: ldp_vc
            type_values: [["http://data.europa.eu/snb/model/elm/EuropeanDigitalCredential"], [https://issuer.example/other]]
            claims: [[credentialSubject, hasClaim, title, nl]]
  - id: employer
    status: admitted
    legal_name: Voorbeeldwerkgever (TEST)
    registration: NTRBE-0999999724
    country: BE
    privacy_statement: https://www.employer.example/privacy
    intended_uses:
      - id: hiring
        purpose: {nl: Aanwerven, fr: Engager, de: Einstellen, en: Hire}
        legal_basis: GDPR, Article 6(1)(a)
        credentials:
          - format: dc+sd-jwt
            vct_values: [https://issuer.example/types/led-diploma]
            claims: [[title]]
`

// World holds everything of one test.
type World struct {
	T         testing.TB
	Dir       string
	Hierarchy *devca.Hierarchy
	// Stamps is the time-stamp authority that Trust trusts.
	Stamps   *devtsa.Authority
	Trust    *trust.Store
	Store    store.Store
	Statuses *status.Register
	Audit    *audit.Log
	Access   map[string]verifier.Access
	Config   verifier.Config
	Verifier *verifier.Verifier
	// Down makes the status lists unreachable, LogDown the use log.
	Down, LogDown atomic.Bool
	// ListsOfAnother: the lists of W3C credentials are signed for another body.
	ListsOfAnother atomic.Bool
	frozen         atomic.Pointer[map[string][]byte]

	// Controllers answer for the issuer's seal keys.
	Controllers *Controllers

	now     atomic.Int64
	seals   *seal.Sealer
	sealers []*seal.Sealer // in the issuer's controlled identifier document
	crls    *trust.CRLs
}

// New makes a world with its files in a folder of its own.
func New(t testing.TB, change ...func(*verifier.Config)) *World {
	t.Helper()
	w := &World{T: t, Dir: t.TempDir()}
	w.now.Store(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC).Unix())
	h, err := devca.New(devca.Options{Now: w.Now(), Issuer: Issuer})
	w.must(err)
	w.Hierarchy = h
	w.Stamps, err = devtsa.New(devtsa.Options{Now: w.Now})
	w.must(err)
	anchors := h.Anchors()
	anchors[trust.UseTimeStamp] = []*x509.Certificate{w.Stamps.Root}
	w.Trust, err = trust.NewStore(anchors, 0)
	w.must(err)
	list, err := w.Trust.VerifyList(h.List, w.Now())
	w.must(err)
	w.must(w.Trust.Install(list))
	w.crls, err = h.CRLs(nil, w.Now)
	w.must(err)
	w.must(w.crls.Add(w.stampsCRL(), w.Stamps.Root))
	w.seals, err = h.Sealer("", w.Now)
	w.must(err)
	w.Controllers, w.sealers = &Controllers{w: w}, []*seal.Sealer{w.seals}
	w.Access = map[string]verifier.Access{
		University: w.access("Voorbeelduniversiteit (TEST)", UniversityNumber, ""),
		Employer:   w.access("Voorbeeldwerkgever (TEST)", EmployerNumber, "verifier.example"),
	}
	w.Open(change...)
	signer, err := h.StatusSealer(w.Now)
	w.must(err)
	w.Statuses, err = status.NewRegister(w.Store, status.Options{Base: Issuer, Signer: signer, Size: 1024, TTL: time.Second, Now: w.Now, Bitstring: &status.BitstringOptions{Issuer: Issuer, Securer: lists{w}, MediaType: "application/vc+jwt"}})
	w.must(err)
	return w
}

// Open opens store, use log and verifier, as after a start.
func (w *World) Open(change ...func(*verifier.Config)) {
	w.T.Helper()
	var err error
	w.Store, err = embedded.Open(filepath.Join(w.Dir, "store"), embedded.Options{Now: w.Now})
	w.must(err)
	w.T.Cleanup(func() { w.Store.Close() })
	w.Audit, err = audit.Open(filepath.Join(w.Dir, "audit"), audit.Options{Signer: auditKey, Now: w.Now})
	w.must(err)
	w.T.Cleanup(func() { w.Audit.Close() })
	checker, err := status.NewChecker(fetcher{w}, status.CheckerOptions{Now: w.Now, MaxTTL: time.Nanosecond})
	w.must(err)
	bitstrings, err := status.NewBitstringChecker(fetcher{w}, lists{w}, status.BitstringCheckerOptions{CheckerOptions: status.CheckerOptions{Now: w.Now, MaxTTL: time.Nanosecond}})
	w.must(err)
	w.Config = verifier.Config{
		Bitstrings: bitstrings, Controllers: w.Controllers, URL: URL, Store: w.Store, Register: w.Receivers(Register), Access: w.Access,
		Registrar: verifier.Registrar{Key: func() verifier.RegistrarKey {
			return verifier.RegistrarKey{Signer: w.Hierarchy.Registrar.Key, Chain: certs(w.Hierarchy.Registrar)}
		}},
		Seals: &seal.Validator{Trust: w.Trust, Revocation: w.crls}, Statuses: checker,
		Accept: []verifier.Acceptance{
			{Name: VCT, Issuers: []string{Issuer}, Registrations: []string{w.Hierarchy.Registration()}},
			{Name: ELM, Issuers: []string{Issuer}, Registrations: []string{w.Hierarchy.Registration()}},
			{Name: Doctype, Issuers: []string{Issuer}, Registrations: []string{w.Hierarchy.Registration()}},
		},
		Log: useLog{w}, Now: w.Now,
	}
	for _, f := range change {
		f(&w.Config)
	}
	w.Verifier, err = verifier.New(w.Config)
	w.must(err)
}

// Cached has the verifier keep status lists for an hour, as one in use does.
func (w *World) Cached() {
	w.T.Helper()
	var err error
	w.Config.Statuses, err = status.NewChecker(fetcher{w}, status.CheckerOptions{Now: w.Now, MaxTTL: time.Hour})
	w.must(err)
	w.Verifier, err = verifier.New(w.Config)
	w.must(err)
}

// Restart closes everything and opens it anew from what is on disk.
func (w *World) Restart() {
	w.T.Helper()
	w.must(errors.Join(w.Store.Close(), w.Audit.Close()))
	c := w.Config
	w.Open(func(n *verifier.Config) {
		n.ResultGrace, n.Accept, n.Policies, n.Relax, n.Webhooks = c.ResultGrace, c.Accept, c.Policies, c.Relax, c.Webhooks
	})
	signer, err := w.Hierarchy.StatusSealer(w.Now)
	w.must(err)
	w.Statuses, err = status.NewRegister(w.Store, status.Options{Base: Issuer, Signer: signer, Size: 1024, TTL: time.Second, Now: w.Now, Bitstring: &status.BitstringOptions{Issuer: Issuer, Securer: lists{w}, MediaType: "application/vc+jwt"}})
	w.must(err)
}

// Registrars are the keys of registrars that wallets of this world know.
func (w *World) Registrars() (out []crypto.PublicKey) {
	for _, c := range w.Hierarchy.Anchors()[trust.UseRegistrar] {
		out = append(out, c.PublicKey)
	}
	return out
}

// Now is the time of this world.
func (w *World) Now() time.Time { return time.Unix(w.now.Load(), 0).UTC() }

// Advance lets time pass.
func (w *World) Advance(d time.Duration) { w.now.Add(int64(d / time.Second)) }

// Receivers reads a register.
func (w *World) Receivers(text string) *receivers.Register {
	w.T.Helper()
	r, err := receivers.Parse("receivers.yaml", []byte(text), receivers.Options{})
	w.must(err)
	return r
}

// Install makes a changed text the register.
func (w *World) Install(from, to string) {
	w.T.Helper()
	text := strings.Replace(Register, from, to, 1)
	if text == Register && from != to {
		w.T.Fatalf("the register has no %q", from)
	}
	w.must(w.Verifier.Install(w.T.Context(), w.Receivers(text), w.Access))
}

// Suspend suspends the university.
func (w *World) Suspend() {
	w.T.Helper()
	w.Install("status: admitted", "status: suspended")
}

// Withdraw takes the public body's issuance service off the list.
func (w *World) Withdraw() {
	w.T.Helper()
	t, err := jose.Parse(w.Hierarchy.List)
	w.must(err)
	d, err := trust.Parse(t.Payload)
	w.must(err)
	d.LoTE.Scheme.Sequence++
	for i := range d.LoTE.Entities {
		for j := range d.LoTE.Entities[i].Services {
			if in := &d.LoTE.Entities[i].Services[j].Information; in.Type == trust.Issuance {
				in.Status = trust.StatusWithdrawn
			}
		}
	}
	signer, err := seal.NewSealer(w.Hierarchy.ListSigner.Key, certs(w.Hierarchy.ListSigner), seal.Options{Now: w.Now})
	w.must(err)
	text, err := d.Sign(signer, w.Now())
	w.must(err)
	list, err := w.Trust.VerifyList(text, w.Now())
	w.must(err)
	w.must(w.Trust.Install(list))
}

// RevokeSeal revokes the seal certificate.
func (w *World) RevokeSeal() {
	w.T.Helper()
	w.Advance(time.Minute)
	w.must(w.Hierarchy.Revoke(w.Hierarchy.Seal.Certificate, 1, w.Now()))
	w.must(w.crls.Add(w.Hierarchy.SealCRL, w.Hierarchy.SealCA.Certificate))
	w.Advance(time.Minute)
}

func (w *World) access(name, number, dns string) verifier.Access {
	key := NewKey()
	r := devca.AccessRequest{Organization: name, Registration: number}
	if dns != "" {
		r.DNSNames = []string{dns}
	}
	leaf, err := w.Hierarchy.IssueAccess(key.Public(), r, w.Now())
	w.must(err)
	return verifier.Access{Signer: key, Chain: certs(devca.Pair{Certificate: leaf}), DNSName: dns}
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// NewKey is a P-256 key.
func NewKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

var auditKey crypto.Signer = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// fetcher serves the status lists without a network.
type fetcher struct{ w *World }

func (f fetcher) Fetch(ctx context.Context, url, _ string) ([]byte, time.Duration, error) {
	if f.w.Down.Load() {
		return nil, 0, errors.New("no route to host")
	}
	if kept := f.w.frozen.Load(); kept != nil {
		return (*kept)[url], 0, nil
	}
	id, purpose, credential := strings.Cut(strings.TrimPrefix(url, Issuer+"/status/"), "/")
	if credential {
		p, err := f.w.Statuses.ListCredential(ctx, id, status.Purpose(purpose))
		return p.Body, 0, err
	}
	p, err := f.w.Statuses.Token(ctx, id)
	return p.Body, 0, err
}

// Freeze makes the status lists of these URLs stay what they are now, as a cache
// on the way would; there are no others then.
func (w *World) Freeze(urls ...string) {
	w.T.Helper()
	kept := map[string][]byte{}
	for _, url := range urls {
		body, _, err := fetcher{w}.Fetch(w.T.Context(), url, "")
		w.must(err)
		kept[url] = body
	}
	w.frozen.Store(&kept)
}

type useLog struct{ w *World }

func (l useLog) Append(ctx context.Context, e audit.Event) error {
	if l.w.LogDown.Load() {
		return errors.New("disk full")
	}
	return l.w.Audit.Append(ctx, e)
}

// Template of the credential type.
func template(vct string, sealer *seal.Sealer) (*sdjwt.Template, error) {
	frame, err := sdjwt.NewFrame(
		sdjwt.Path{"title"}, sdjwt.Path{"level"}, sdjwt.Path{"person"}, sdjwt.Path{"person", "family_name"}, sdjwt.Path{"person", "given_name"},
		sdjwt.Path{"tags", nil}, sdjwt.Path{"subjects", nil},
	)
	if err != nil {
		return nil, err
	}
	return sdjwt.NewTemplate(sdjwt.Options{
		Issuer: Issuer, Type: vct, Category: sdjwt.CategoryPubEAA, Frame: frame, Certificate: sealer.Certificate(), HideAbsent: true,
		TypeIntegrity: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	})
}
