package devca

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// RotateSeal replaces the seal key of a tenant (empty: of the first body) by a
// new one. The certificate before stays in the list of providers, so that its
// seals stay valid; its key is dropped.
func (h *Hierarchy) RotateSeal(tenant string, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	b, err := h.Tenant(tenant)
	if err != nil {
		return err
	}
	if err := b.certifiable(); err != nil {
		return err
	}
	next, err := h.sealLeaf(b, now)
	if err != nil {
		return err
	}
	before := *b
	if b.Seal.Key != nil {
		b.FormerSeal = append(slices.Clone(b.FormerSeal), b.Seal.Certificate)
	}
	b.Seal = next
	if err := h.Refresh(now); err != nil {
		*b = before
		return err
	}
	return nil
}

// ListSeal puts the certificate of a seal key that is elsewhere, such as in a
// hardware module, into the list of providers, to stay.
func (h *Hierarchy) ListSeal(tenant string, c *x509.Certificate, now time.Time) error {
	b, err := h.Tenant(tenant)
	if err != nil {
		return err
	}
	if b.Seal.Key != nil && c.Equal(b.Seal.Certificate) || slices.ContainsFunc(b.FormerSeal, c.Equal) {
		return nil
	}
	if err := b.certifiable(); err != nil {
		return err
	}
	before := b.FormerSeal
	b.FormerSeal = append(slices.Clone(before), c)
	if err := h.Refresh(now.UTC().Truncate(time.Second)); err != nil {
		b.FormerSeal = before
		return err
	}
	return nil
}

// DropSeal takes the seal key of a body that seals with another one, which ListSeal
// has put into the list. Its certificate stays in the list.
func (h *Hierarchy) DropSeal(tenant string) error {
	b, err := h.Tenant(tenant)
	if err != nil || b.Seal.Key == nil {
		return err
	}
	b.FormerSeal = append(slices.Clone(b.FormerSeal), b.Seal.Certificate)
	b.Seal = Pair{}
	return nil
}

// RotateStatus replaces the key that signs the status lists of a tenant (empty: of
// the first body). The certificate before stays in the list of providers, for the
// lists that others keep; its key is dropped.
func (h *Hierarchy) RotateStatus(tenant string, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	b, err := h.Tenant(tenant)
	if err != nil {
		return err
	}
	next, err := h.statusLeaf(b, now)
	if err != nil {
		return err
	}
	before := *b
	b.FormerStatus = append(slices.Clone(b.FormerStatus), b.Status.Certificate)
	b.Status, b.body.Status = next, statusFile(serialOf(next.Certificate), "")
	if err := h.Refresh(now); err != nil {
		*b = before
		return err
	}
	return nil
}

// RotateMetadata replaces the key that signs the metadata of a tenant (empty:
// of the first body). The one before is dropped: what it signed lives for a day.
func (h *Hierarchy) RotateMetadata(tenant string, now time.Time) error {
	b, err := h.Tenant(tenant)
	if err != nil {
		return err
	}
	next, err := h.metadataLeaf(b, now.UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	b.Metadata = next
	return nil
}

// Revoke revokes a certificate of the seal or the access authority and makes
// its revocation list anew. reason is a CRLReason (RFC 5280, Section 5.3.1).
func (h *Hierarchy) Revoke(c *x509.Certificate, reason int, now time.Time) error {
	var list *[]revoked
	switch {
	case c.CheckSignatureFrom(h.SealCA.Certificate) == nil:
		list = &h.info.RevokedSeal
	case c.CheckSignatureFrom(h.AccessCA.Certificate) == nil:
		list = &h.info.RevokedAccess
	default:
		return fmt.Errorf("%w: the certificate to revoke is not of the seal or the access authority", ErrOptions)
	}
	serial := c.SerialNumber.Text(16)
	for _, r := range *list {
		if r.Serial == serial {
			return nil
		}
	}
	*list = append(*list, revoked{Serial: serial, Since: now.UTC().Truncate(time.Second), Reason: reason})
	return h.Refresh(now)
}

// Refresh makes the lists of providers and both revocation lists anew, before they
// run out.
func (h *Hierarchy) Refresh(now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	list, err := h.providerList(now)
	if err != nil {
		return err
	}
	accessList, err := h.accessList(now)
	if err != nil {
		return err
	}
	sealCRL, err := h.crl(h.SealCA, h.SealCRL, h.info.RevokedSeal, now)
	if err != nil {
		return err
	}
	accessCRL, err := h.crl(h.AccessCA, h.AccessCRL, h.info.RevokedAccess, now)
	if err != nil {
		return err
	}
	h.List, h.AccessList, h.SealCRL, h.AccessCRL = list, accessList, sealCRL, accessCRL
	return nil
}

func (h *Hierarchy) crl(by Pair, former []byte, list []revoked, now time.Time) ([]byte, error) {
	number := big.NewInt(1)
	if former != nil {
		old, err := x509.ParseRevocationList(former)
		if err != nil {
			return nil, fmt.Errorf("reading the revocation list before: %w", err)
		}
		number.Add(old.Number, number)
	}
	t := &x509.RevocationList{Number: number, ThisUpdate: now.Add(-backdate), NextUpdate: now.Add(h.info.Validity.CRL)}
	for _, r := range list {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("%w: a revoked serial number is not hexadecimal", ErrOptions)
		}
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.Since, ReasonCode: r.Reason})
	}
	return x509.CreateRevocationList(rand.Reader, t, by.Certificate, by.Key)
}

// providerList signs a list with an entry for each public body: an issuance
// service for every seal certificate, a revocation service for every status
// signer (ETSI TS 119 602, Annex H).
func (h *Hierarchy) providerList(now time.Time) (string, error) {
	var entities []trust.TrustedEntity
	for _, b := range h.bodies() {
		entities = append(entities, b.entity())
	}
	return h.signList(trust.PubEAAProviders, h.List, "BE:Local list of PuB-EAA providers (TEST)", entities, now)
}

// accessList signs a list of the one who issues access certificates here (ETSI TS
// 119 602, Annex F).
func (h *Hierarchy) accessList(now time.Time) (string, error) {
	page := uris("https://example.org/test-list")
	service := func(name string, kind trust.Service) trust.EntityService {
		return trust.EntityService{Information: trust.ServiceInformation{Name: en(name), Type: kind, Identity: identity(h.AccessCA.Certificate)}}
	}
	return h.signList(trust.AccessProviders, h.AccessList, "BE:Local list of providers of access certificates (TEST)", []trust.TrustedEntity{{
		Information: trust.EntityInformation{
			Name: en("Zegel (TEST)"), Address: trust.EntityAddress{Postal: postal, Electronic: page}, InformationURI: append(page, uris(trust.AccessRole+"BE")...),
		},
		Services: []trust.EntityService{
			service("Access certificates of receivers", trust.AccessIssuance), service("Revocation of access certificates", trust.AccessRevocation),
		},
	}}, now)
}

// signList signs a list that follows the one before.
func (h *Hierarchy) signList(p trust.Profile, before, name string, entities []trust.TrustedEntity, now time.Time) (string, error) {
	sequence := int64(1)
	if before != "" {
		old, err := trust.ReadList(before)
		if err != nil {
			return "", err
		}
		sequence = old.LoTE.Scheme.Sequence + 1
	}
	d := &trust.Document{LoTE: trust.LoTE{
		Scheme: trust.Scheme{
			Version: 1, Sequence: sequence, Type: p.Type, OperatorName: en("Zegel List Operator (TEST)"),
			OperatorAddress: &trust.OperatorAddress{Postal: postal, Electronic: uris("mailto:test@example.org")},
			Name:            en(name), InformationURI: uris("https://example.org/test-list"),
			StatusApproach: p.StatusApproach, Rules: uris(p.Rules), Territory: p.Territory,
			Issued: trust.Instant{Time: now}, NextUpdate: trust.Instant{Time: now.Add(h.info.Validity.List)},
		},
		Entities: entities,
	}}
	if p.History != 0 {
		d.LoTE.Scheme.History = &p.History
	}
	signer, err := h.ListSealer(func() time.Time { return now })
	if err != nil {
		return "", err
	}
	return d.Sign(signer, now)
}

// postal is the address of everybody in the list.
var postal = []trust.PostalAddress{{Lang: "en", Street: "Teststraat 1", Locality: "Brussel", PostalCode: "1000", Country: "BE"}}

func (b *Body) entity() trust.TrustedEntity {
	home := uris(b.body.Issuer)
	e := trust.TrustedEntity{Information: trust.EntityInformation{
		Name: en(b.body.Organization), TradeName: append(en(b.body.Registration), en(b.Law())...),
		Address: trust.EntityAddress{Postal: postal, Electronic: home}, InformationURI: append(home, uris(trust.PubEAARole+b.body.Source.Country)...),
	}}
	for _, s := range b.services() {
		e.Services = append(e.Services, b.listed(s))
	}
	return e
}

func en(s string) []trust.Text { return []trust.Text{{Lang: "en", Value: s}} }

func uris(s string) []trust.URI { return []trust.URI{{Lang: "en", Value: s}} }

func identity(c *x509.Certificate) trust.Identity {
	return trust.Identity{Certificates: []trust.ListedCertificate{{Value: base64.StdEncoding.EncodeToString(c.Raw)}}}
}

// AccessRequest says for which receiver an access certificate is made (ETSI TS
// 119 411-8).
type AccessRequest struct {
	Organization string
	Registration string // such as NTRBE-0999999922
	Country      string // empty is BE
	// DNSNames are hosts of the receiver, for client_id x509_san_dns; optional.
	DNSNames []string
	// URI is a page of the receiver; optional.
	URI      string
	Validity time.Duration // zero is that of leaf certificates
}

// IssueAccess certifies a receiver's key. The chain of a request is this
// certificate alone, since its issuer is the anchor.
func (h *Hierarchy) IssueAccess(pub any, r AccessRequest, now time.Time) (*x509.Certificate, error) {
	if r.Organization == "" {
		return nil, fmt.Errorf("%w: a receiver without a name", ErrOptions)
	}
	if _, err := qc.ParseOrganization(r.Registration); err != nil {
		return nil, fmt.Errorf("%w: receiver: %w", ErrOptions, err)
	}
	if r.Country == "" {
		r.Country = "BE"
	}
	if r.Validity == 0 {
		r.Validity = h.info.Validity.Leaf
	}
	t := h.leaf(r.Organization, r.Organization, r.Registration, now.UTC().Truncate(time.Second))
	t.Subject.Country = []string{r.Country}
	t.NotAfter = t.NotBefore.Add(r.Validity)
	t.DNSNames = r.DNSNames
	if r.URI != "" {
		u, err := url.Parse(r.URI)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%w: receiver's URI", ErrOptions)
		}
		t.URIs = []*url.URL{u}
	}
	// Issuer and subject that are equal would read as self-signed.
	if der, err := asn1Name(t.Subject); err != nil || bytes.Equal(der, h.AccessCA.Certificate.RawSubject) {
		return nil, fmt.Errorf("%w: the receiver has the name of the authority", ErrOptions)
	}
	return certify(t, pub, h.AccessCA)
}
