package trust

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/qc"
)

// MaxList is the longest signed list that is read, in bytes.
const MaxList = 8 << 20

// List is a verified list of trusted entities. It does not change.
type List struct {
	Profile    Profile
	Sequence   int64
	Issued     time.Time
	NextUpdate time.Time
	Operator   string
	Territory  string

	services []service
	byCert   map[[sha256.Size]byte][]int // into services
	digest   [sha256.Size]byte
	compact  string
}

// Compact is the list as it was signed, for who must show later what was
// trusted.
func (l *List) Compact() string { return l.compact }

// Content is a digest of what was signed. A list that is signed anew without a
// change has the same.
func (l *List) Content() [sha256.Size]byte { return l.digest }

// Fresh is ErrListExpired from NextUpdate on.
func (l *List) Fresh(now time.Time) error {
	if now.Before(l.NextUpdate) {
		return nil
	}
	return expired(l.NextUpdate)
}

// service is one listed service with its states, newest first. One of a profile
// without states has one, of all times.
type service struct {
	provider *provider
	name     string
	kind     Service
	anchors  Use
	states   []serviceState
}

type serviceState struct {
	since   time.Time
	status  string // empty in a profile without states
	granted bool   // whoever trusts the list trusts the service
	certs   []*x509.Certificate
}

type provider struct {
	name    string
	numbers []qc.Organization
	laws    []string
	infoURI string
	country string // that answers for it; may be empty
}

// listAlgs are the signature algorithms accepted on a list.
var listAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.ES512, jose.PS256}

// VerifyList is Verify against PubEAAProviders.
func (s *Store) VerifyList(compact string, now time.Time) (*List, error) {
	return s.Verify(compact, PubEAAProviders, now)
}

// ReadList reads a signed list and judges nothing but its form.
func ReadList(compact string) (*Document, error) {
	t, err := jose.ParseLong(strings.TrimRight(compact, "\r\n"), MaxList)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	return Parse(t.Payload)
}

// Verify reads a list signed as compact JAdES B-B (ETSI TS 119 602, clause 6.8),
// verifies it against the anchors of UseListSigner, and holds it against the
// profile. A list with any fault is refused whole.
func (s *Store) Verify(compact string, p Profile, now time.Time) (*List, error) {
	// Step 1. Form. The typ is "jose" by the habit of JAdES, or absent.
	compact = strings.TrimRight(compact, "\r\n")
	t, err := jose.ParseLong(compact, MaxList)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	h, err := jades.ParseHeader(t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	if typ := strings.ToLower(strings.TrimPrefix(h.Typ, "application/")); typ != "" && typ != "jose" {
		return nil, fmt.Errorf("%w: typ is %q, expected JOSE or none", ErrList, clip(h.Typ))
	}
	if !slices.Contains(listAlgs, h.Alg) {
		return nil, fmt.Errorf("%w: alg is %q, expected one of %v", ErrList, clip(string(h.Alg)), listAlgs)
	}

	// Step 2. Every rule of a baseline seal, without exception.
	if name, found := h.Unprocessed(); found || h.Detached {
		return nil, fmt.Errorf("%w: a list must hold what is signed and nothing critical, found %q (ETSI TS 119 602, clause 6.8)", ErrList, name)
	}
	if err := errors.Join(h.Constraints(now), h.Baseline()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	if claimed := h.ClaimedTime(); claimed.After(now.Add(clockSkew)) {
		return nil, fmt.Errorf("%w: it was signed at %s, which is in the future", ErrList, claimed.UTC().Format(instantLayout))
	}

	// Step 3. The signer's certificate is trusted for lists and is the one
	// that was signed with.
	path, err := s.X5C(h.X5C, UseListSigner, now)
	if err != nil {
		return nil, fmt.Errorf("%w: signer: %w", ErrList, err)
	}
	if err := h.Certificates(path.Certificates); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}

	// Step 4. Signature.
	if err := t.Verify(path.Leaf().PublicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}

	// Step 5. Content.
	d, err := Parse(t.Payload)
	if err != nil {
		return nil, err
	}
	if err := d.Check(p, now); err != nil {
		return nil, err
	}
	l := d.index(p)
	l.digest, l.compact = sha256.Sum256(t.Payload), compact
	return l, nil
}

// index prepares a checked list for look-ups.
func (d *Document) index(p Profile) *List {
	scheme := d.LoTE.Scheme
	l := &List{
		Profile: p, Sequence: scheme.Sequence, Issued: scheme.Issued.Time, NextUpdate: scheme.NextUpdate.Time,
		Operator: first(scheme.OperatorName, "en"), Territory: scheme.Territory, byCert: map[[sha256.Size]byte][]int{},
	}
	for _, e := range d.LoTE.Entities {
		owner := &provider{name: first(e.Information.Name, "en"), infoURI: e.Information.InformationURI[0].Value, country: e.Information.country(p.Role)}
		owner.numbers, owner.laws = e.Information.identifiers()
		for _, v := range e.Services {
			kind, _ := p.service(v.Information.Type)
			s := service{provider: owner, name: first(v.Information.Name, "en"), kind: kind.Type, anchors: kind.Anchors}
			if !p.states() {
				s.states = []serviceState{{granted: true, certs: v.Information.Identity.parsed()}}
				l.add(s)
				continue
			}
			state := func(since time.Time, status string, certs []*x509.Certificate) {
				s.states = append(s.states, serviceState{since, status, status == p.Notified, certs})
			}
			state(v.Information.StatusSince.Time, v.Information.Status, v.Information.Identity.parsed())
			for _, h := range v.History {
				certs := h.Identity.parsed()
				if certs == nil {
					certs = v.keyed(h.Identity)
				}
				state(h.StatusSince.Time, h.Status, certs)
			}
			l.add(s)
		}
	}
	return l
}

func (l *List) add(s service) {
	at := len(l.services)
	l.services = append(l.services, s)
	for _, state := range s.states {
		for _, c := range state.certs {
			key := sha256.Sum256(c.Raw)
			if !slices.Contains(l.byCert[key], at) {
				l.byCert[key] = append(l.byCert[key], at)
			}
		}
	}
}

// parsed are the certificates of an identity that was checked.
func (id Identity) parsed() []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range id.Certificates {
		if cert, err := decodeCertificate(c.Value); err == nil {
			out = append(out, cert)
		}
	}
	return out
}

// keyed are the certificates of a service, as it is now, whose keys a former
// state names by their identifiers.
func (v EntityService) keyed(id Identity) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range v.Information.Identity.parsed() {
		if slices.ContainsFunc(id.KeyIdentifiers, func(text string) bool {
			ski, err := base64.StdEncoding.Strict().DecodeString(text)
			return err == nil && len(ski) > 0 && bytes.Equal(ski, keyIdentifier(c))
		}) {
			out = append(out, c)
		}
	}
	return out
}

// keyIdentifier is that of the certificate, or the one that it would have by RFC
// 5280, Section 4.2.1.2 (1). SHA-1 identifies there, and secures nothing: it
// chooses between the certificates of one service.
func keyIdentifier(c *x509.Certificate) []byte {
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if len(c.SubjectKeyId) > 0 {
		return c.SubjectKeyId
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil
	}
	sum := sha1.Sum(spki.Key.RightAlign())
	return sum[:]
}

// at is the place of the state at a time; -1 when the service was not listed yet.
func (s service) at(t time.Time) int {
	return slices.IndexFunc(s.states, func(state serviceState) bool { return !t.Before(state.since) })
}

// period is the time of a state.
func (s service) period(i int) Period {
	p := Period{From: s.states[i].since}
	if i > 0 {
		p.Until = s.states[i-1].since
	}
	return p
}

// SealSigner makes compact JAdES B-B signatures; *seal.Sealer is one.
type SealSigner interface {
	SignCompact(typ string, iat time.Time, payload []byte) (string, error)
}

// Sign signs the list, which must pass Check against the profile of its type at
// now.
func (d *Document) Sign(signer SealSigner, now time.Time) (string, error) {
	p, known := ProfileOf(d.LoTE.Scheme.Type)
	if !known {
		return "", fmt.Errorf("%w: LoTEType is %q, which no profile has", ErrList, clip(d.LoTE.Scheme.Type))
	}
	return d.SignAs(p, signer, now)
}

// SignAs signs the list, which must pass Check against a profile at now.
func (d *Document) SignAs(p Profile, signer SealSigner, now time.Time) (string, error) {
	if err := d.LoTE.required(); err != nil {
		return "", err
	}
	if err := d.Check(p, now); err != nil {
		return "", err
	}
	b, err := jose.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encoding list: %w", err)
	}
	return signer.SignCompact("JOSE", now, b)
}
