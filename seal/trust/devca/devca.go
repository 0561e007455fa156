// Package devca makes a hierarchy of keys and certificates for development and
// tests: the authority of a seal certificate with everything a real one says,
// the signer of status lists, a local list of PuB-EAA providers with its
// signer, an authority for receivers' access certificates, and a registrar.
//
// It is no certification authority: its keys lie in files, it checks nobody's
// identity, and every name it makes up says TEST. What it issues is worth
// nothing outside the machine that trusts it.
package devca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// ErrOptions is returned for options a hierarchy cannot be made with.
var ErrOptions = errors.New("cannot make a development hierarchy")

// Options say for whom a hierarchy is made. What is left empty is filled with
// fictitious values.
type Options struct {
	// Now is the time of making; required.
	Now time.Time
	// Issuer is the credential issuer's identifier (iss), an http or https
	// address. It stands in the seal certificate's SAN as it is.
	Issuer string
	// Organization and Registration name the public body, such as "Voorbeeld
	// (TEST)" and NTRBE-0999999922.
	Organization string
	Registration string
	// Source is the authentic source and the law (QcPSB).
	Source qc.PublicBody
	// CRLURL and IssuerURL stand in the certificates when given: where the
	// revocation list and the authority's certificate can be fetched.
	CRLURL, IssuerURL string
	// Validity of what is made; zero is the default beside each.
	Validity Validity
}

// Validity says how long things last.
type Validity struct {
	Authority time.Duration // 10 years
	Leaf      time.Duration // 2 years
	List      time.Duration // 90 days, at most six months
	CRL       time.Duration // 30 days
}

const day = 24 * time.Hour

func (o *Options) fill() error {
	if o.Now.IsZero() {
		return fmt.Errorf("%w: Now is missing", ErrOptions)
	}
	o.Now = o.Now.UTC().Truncate(time.Second)
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.String() != o.Issuer {
		return fmt.Errorf("%w: Issuer must be an http or https address in its plain spelling", ErrOptions)
	}
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.Organization, "Zegel Oefenregister (TEST)")
	// The Crossroads Bank has not given out numbers of this range.
	def(&o.Registration, "NTRBE-0999999922")
	def(&o.Source.Country, "BE")
	def(&o.Source.Source, "LED, Leer- en Ervaringsbewijzendatabank (TEST)")
	def(&o.Source.Legislation, "OJ:BETEST-LED")
	if _, err := qc.ParseOrganization(o.Registration); err != nil {
		return fmt.Errorf("%w: Registration: %w", ErrOptions, err)
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Validity.Authority, 3653 * day}, {&o.Validity.Leaf, 730 * day}, {&o.Validity.List, 90 * day}, {&o.Validity.CRL, 30 * day}} {
		if *d.v == 0 {
			*d.v = d.def
		}
		if *d.v < time.Minute {
			return fmt.Errorf("%w: a validity is shorter than a minute", ErrOptions)
		}
	}
	return nil
}

// Pair is a key and its certificate.
type Pair struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
}

// Body is a public body that seals credentials and signs their status lists.
type Body struct {
	// Seal is empty after DropSeal: the body seals with a key of its own.
	Seal       Pair
	FormerSeal []*x509.Certificate // seals of these stay valid; their keys are gone
	Status     Pair
	// FormerStatus signed status lists that others may still keep.
	FormerStatus []*x509.Certificate
	Metadata     Pair // signs the metadata of the issuer

	body bodyManifest
}

// Hierarchy is a development hierarchy. Methods that change it are not safe to
// call at once.
type Hierarchy struct {
	SealCA   Pair // issues seal and status certificates
	AccessCA Pair // issues receivers' access certificates
	SchemeCA Pair // issues the list signer and the registrar, which are pinned

	Body       // the first public body
	ListSigner Pair
	// NextListSigner takes over from ListSigner. Who follows the lists knows its
	// certificate from the beginning; it is empty in a hierarchy of before there was
	// one, see PreparePinned. So is NextRegistrar.
	NextListSigner Pair
	Registrar      Pair
	NextRegistrar  Pair
	// FormerRegistrars signed evidence that others keep.
	FormerRegistrars []*x509.Certificate
	// Tenants are further public bodies, by the name of their tenant.
	Tenants map[string]*Body

	// List is the local list of PuB-EAA providers, signed; AccessList that of
	// providers of access certificates.
	List, AccessList string
	// SealCRL and AccessCRL are the revocation lists of the authorities, DER.
	SealCRL, AccessCRL []byte

	info manifest
}

// New makes a hierarchy with new P-256 keys.
func New(o Options) (*Hierarchy, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	h := &Hierarchy{info: manifestOf(o), Tenants: map[string]*Body{}}
	steps := []struct {
		to   *Pair
		make func() (Pair, error)
	}{
		{&h.SealCA, func() (Pair, error) { return h.authority("Zegel Seal CA (TEST)", o.Now) }},
		{&h.AccessCA, func() (Pair, error) { return h.authority("Zegel Access CA (TEST)", o.Now) }},
		{&h.SchemeCA, func() (Pair, error) { return h.authority("Zegel Scheme CA (TEST)", o.Now) }},
		{&h.ListSigner, func() (Pair, error) { return h.schemeLeaf(h.pinned(trust.UseListSigner).name, o.Now) }},
		{&h.Registrar, func() (Pair, error) { return h.schemeLeaf(h.pinned(trust.UseRegistrar).name, o.Now) }},
	}
	for _, s := range steps {
		var err error
		if *s.to, err = s.make(); err != nil {
			return nil, err
		}
	}
	first, err := h.newBody(o)
	if err != nil {
		return nil, err
	}
	h.Body = *first
	if err := h.PreparePinned(o.Now); err != nil {
		return nil, err
	}
	if err := h.Refresh(o.Now); err != nil {
		return nil, err
	}
	return h, nil
}

// AddTenant certifies a further public body, which seals as o.Issuer, and puts
// it into the list of providers. Of the options Issuer, Organization,
// Registration and Source count; Issuer must be one that no other body has.
func (h *Hierarchy) AddTenant(name string, o Options) error {
	if err := o.fill(); err != nil {
		return err
	}
	if !tenantName(name) {
		return fmt.Errorf("%w: the tenant %q must have 1 to 24 letters a-z and digits", ErrOptions, name)
	}
	if _, ok := h.Tenants[name]; ok {
		return fmt.Errorf("%w: there is a tenant %q already", ErrOptions, name)
	}
	for _, b := range h.bodies() {
		if b.Issuer() == o.Issuer {
			return fmt.Errorf("%w: %s is the issuer of another body already", ErrOptions, o.Issuer)
		}
	}
	b, err := h.newBody(o)
	if err != nil {
		return err
	}
	h.Tenants[name] = b
	if err := h.Refresh(o.Now); err != nil {
		delete(h.Tenants, name)
		return err
	}
	return nil
}

func tenantName(s string) bool {
	bad := strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return s != "" && len(s) <= 24 && !bad
}

// Tenant is a body by its name; the empty name is the first.
func (h *Hierarchy) Tenant(name string) (*Body, error) {
	if name == "" {
		return &h.Body, nil
	}
	b, ok := h.Tenants[name]
	if !ok {
		return nil, fmt.Errorf("%w: there is no tenant %q; make its keys with `zegel keys tenant`", ErrOptions, name)
	}
	return b, nil
}

// bodies are the first public body and those of tenants, in a fixed order.
func (h *Hierarchy) bodies() []*Body {
	list := []*Body{&h.Body}
	for _, name := range slices.Sorted(maps.Keys(h.Tenants)) {
		list = append(list, h.Tenants[name])
	}
	return list
}

// Snapshot gives back what takes every change since back, of what was not kept.
func (h *Hierarchy) Snapshot() (restore func()) {
	was, tenants := *h, map[string]Body{}
	for name, b := range h.Tenants {
		tenants[name] = *b
	}
	return func() {
		// The authorities never change; others read them meanwhile.
		h.Body, h.ListSigner, h.NextListSigner, h.info = was.Body, was.ListSigner, was.NextListSigner, was.info
		h.Registrar, h.NextRegistrar, h.FormerRegistrars = was.Registrar, was.NextRegistrar, was.FormerRegistrars
		h.List, h.AccessList, h.SealCRL, h.AccessCRL = was.List, was.AccessList, was.SealCRL, was.AccessCRL
		for name, b := range h.Tenants {
			if before, ok := tenants[name]; ok {
				*b = before // others point to it
			} else {
				delete(h.Tenants, name)
			}
		}
	}
}

func (h *Hierarchy) newBody(o Options) (b *Body, err error) {
	b = &Body{body: bodyOf(o)}
	if b.Seal, err = h.sealLeaf(b, o.Now); err != nil {
		return nil, err
	}
	if b.Status, err = h.statusLeaf(b, o.Now); err != nil {
		return nil, err
	}
	b.Metadata, err = h.metadataLeaf(b, o.Now)
	return b, err
}

// Issuer is the iss that the seal certificate names.
func (b *Body) Issuer() string { return b.body.Issuer }

// Registration is the public body's registration, such as NTRBE-0999999922.
func (b *Body) Registration() string { return b.body.Registration }

// Law is that of the authentic source, as the list of providers names it.
func (b *Body) Law() string {
	law := b.body.Source.Legislation
	if !strings.HasPrefix(law, "OJ:") {
		law = "OJ:" + b.body.Source.Country + law
	}
	return law
}

// Organization is the public body's name.
func (b *Body) Organization() string { return b.body.Organization }

// backdate lets clocks differ a little.
const backdate = time.Minute

func (h *Hierarchy) authority(cn string, now time.Time) (Pair, error) {
	return issue(&x509.Certificate{
		Subject:   pkix.Name{Country: []string{"BE"}, Organization: []string{"Zegel (TEST)"}, CommonName: cn},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(h.info.Validity.Authority),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}, nil)
}

// sealLeaf is a seal certificate as ETSI EN 319 412-3 and TS 119 412-6 want it
// for a public body. Its key usage is contentCommitment alone, so that the key
// can sign nothing but seals.
func (h *Hierarchy) sealLeaf(b *Body, now time.Time) (Pair, error) {
	t, err := h.sealTemplate(b, now)
	if err != nil {
		return Pair{}, err
	}
	return issue(t, &h.SealCA)
}

// CertifySeal issues a seal certificate of a tenant (empty: of the first body) for
// a key that is elsewhere, such as in a hardware module. The hierarchy is not
// changed: ListSeal says that the certificate is used.
func (h *Hierarchy) CertifySeal(tenant string, pub crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	b, err := h.Tenant(tenant)
	if err != nil {
		return nil, err
	}
	t, err := h.sealTemplate(b, now.UTC().Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	return certify(t, pub, h.SealCA)
}

func (h *Hierarchy) sealTemplate(b *Body, now time.Time) (*x509.Certificate, error) {
	statements, err := qc.Statements{
		Compliance: true, SSCD: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal},
		Disclosures: []qc.Disclosure{{URL: "https://example.org/pds-test.pdf", Language: "en"}},
		PublicBody:  &b.body.Source,
	}.Extension(nil)
	if err != nil {
		return nil, err
	}
	t := h.leaf(b.body.Organization+" - zegel", b.body.Organization, b.body.Registration, now)
	t.KeyUsage = x509.KeyUsageContentCommitment
	t.ExtraExtensions = []pkix.Extension{statements}
	t.Policies = []x509.OID{policySeal}
	h.services(t)
	if err := nameIssuer(t, b.body.Issuer); err != nil {
		return nil, err
	}
	return t, nil
}

// policySeal is QCP-l of ETSI EN 319 411-2, clause 5.3.
var policySeal = mustOID(0, 4, 0, 194112, 1, 1)

func mustOID(parts ...uint64) x509.OID {
	o, err := x509.OIDFromInts(parts)
	if err != nil {
		panic(err) // a constant of this file
	}
	return o
}

func (h *Hierarchy) statusLeaf(b *Body, now time.Time) (Pair, error) {
	t := h.leaf(b.body.Organization+" - status", b.body.Organization, b.body.Registration, now)
	h.services(t)
	if err := nameIssuer(t, b.body.Issuer); err != nil {
		return Pair{}, err
	}
	return issue(t, &h.SealCA)
}

// metadataLeaf issues the certificate of who signs the issuer's metadata: an
// access certificate, as receivers have, which names the issuer. Nothing that
// it signs passes as a seal or as a status list.
func (h *Hierarchy) metadataLeaf(b *Body, now time.Time) (Pair, error) {
	t := h.leaf(b.body.Organization+" - metadata", b.body.Organization, b.body.Registration, now)
	if err := nameIssuer(t, b.body.Issuer); err != nil {
		return Pair{}, err
	}
	return issue(t, &h.AccessCA)
}

func (h *Hierarchy) schemeLeaf(cn string, now time.Time) (Pair, error) {
	return issue(h.leaf(cn, "Zegel (TEST)", "", now), &h.SchemeCA)
}

// leaf is a template of an end entity that signs.
func (h *Hierarchy) leaf(cn, organization, registration string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:   name(cn, organization, registration, "BE"),
		NotBefore: now.Add(-backdate), NotAfter: now.Add(h.info.Validity.Leaf),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
}

func name(cn, organization, registration, country string) pkix.Name {
	n := pkix.Name{Country: []string{country}, Organization: []string{organization}, CommonName: cn}
	if registration != "" {
		n.ExtraNames = []pkix.AttributeTypeAndValue{{Type: qc.OrganizationID, Value: registration}}
	}
	return n
}

func (h *Hierarchy) services(t *x509.Certificate) {
	if h.info.CRLURL != "" {
		t.CRLDistributionPoints = []string{h.info.CRLURL}
	}
	if h.info.IssuerURL != "" {
		t.IssuingCertificateURL = []string{h.info.IssuerURL}
	}
}

// nameIssuer puts iss into the subject alternative names: the address as it
// is, and its host.
func nameIssuer(t *x509.Certificate, iss string) error {
	u, err := url.Parse(iss)
	if err != nil {
		return fmt.Errorf("%w: Issuer: %w", ErrOptions, err)
	}
	t.URIs = []*url.URL{u}
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{u.Hostname()}
	}
	return nil
}

// issue makes a key and a certificate for it; by is nil for an authority.
func issue(t *x509.Certificate, by *Pair) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	if by == nil {
		by = &Pair{Key: key, Certificate: t}
	}
	c, err := certify(t, key.Public(), *by)
	return Pair{Key: key, Certificate: c}, err
}

func certify(t *x509.Certificate, pub crypto.PublicKey, by Pair) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, err
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always 16 octets
	t.SerialNumber = new(big.Int).SetBytes(serial)
	der, err := x509.CreateCertificate(rand.Reader, t, by.Certificate, pub, by.Key)
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", t.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// Sealer seals with the seal key. x5u is where its PEM is served; empty is
// <issuer>/seal/<id>.pem. A certificate that has ended is no error before something
// is sealed.
func (b *Body) Sealer(x5u string, now func() time.Time) (*seal.Sealer, error) {
	if b.Seal.Key == nil {
		return nil, fmt.Errorf("%w: %s has no seal key here", ErrOptions, b.Organization())
	}
	if x5u == "" {
		x5u = b.body.Issuer + "/seal/" + seal.CertificateID(b.Seal.Certificate) + ".pem"
	}
	return seal.NewSealer(b.Seal.Key, b.Seal.chain(), seal.Options{X5U: x5u, RequireSeal: true, AllowEnded: true, Now: now})
}

// Keys is the Sealer of Sealer with the former certificates.
func (b *Body) Keys(now func() time.Time) (*seal.Keys, error) {
	s, err := b.Sealer("", now)
	if err != nil {
		return nil, err
	}
	var former [][]*x509.Certificate
	for _, c := range b.FormerSeal {
		former = append(former, []*x509.Certificate{c})
	}
	return seal.NewKeys(s, former...)
}

// StatusSealer signs status list tokens.
func (b *Body) StatusSealer(now func() time.Time) (*seal.Sealer, error) {
	return seal.NewSealer(b.Status.Key, b.Status.chain(), seal.Options{Now: now})
}

// MetadataSealer signs the issuer's metadata. Its chain leaves the anchor out.
func (b *Body) MetadataSealer(now func() time.Time) (*seal.Sealer, error) {
	return seal.NewSealer(b.Metadata.Key, b.Metadata.chain(), seal.Options{Now: now})
}

// RegistrarSealer signs registration certificates of receivers, and their register.
func (h *Hierarchy) RegistrarSealer(now func() time.Time) (*seal.Sealer, error) {
	return seal.NewSealer(h.Registrar.Key, h.Registrar.chain(), seal.Options{Now: now})
}

// ListSealer signs the lists of providers.
func (h *Hierarchy) ListSealer(now func() time.Time) (*seal.Sealer, error) {
	return seal.NewSealer(h.ListSigner.Key, h.ListSigner.chain(), seal.Options{Now: now})
}

func (p Pair) chain() []*x509.Certificate { return []*x509.Certificate{p.Certificate} }
