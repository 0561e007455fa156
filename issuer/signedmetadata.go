package issuer

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

const (
	// metadataLife is how long signed metadata hold: no longer than the key for
	// encrypted requests in them is taken.
	metadataLife = keyPeriod
	// resignEvery is how old signed metadata are served, so that a wallet has
	// most of that time left.
	resignEvery = time.Hour
)

// documents are the metadata as they are served, made once and kept until the
// request key or the signer changes.
type documents struct {
	mu            sync.Mutex // guards what follows
	plain, signed document
}

type document struct {
	text   []byte
	period int64 // of the request key
	signer *seal.Sealer
	made   time.Time
}

// MetadataDocument is the metadata as JSON, or signed as a JWT (OpenID4VCI 1.0,
// Section 12.2.3). ErrNotFound when they are to be signed and this issuer has
// no key for it.
func (i *Issuer) MetadataDocument(signed bool) ([]byte, error) {
	if signed && i.c.MetadataKeys == nil {
		return nil, ErrNotFound
	}
	now, period := i.c.Now(), i.requestKeys.period()
	d := &i.documents
	d.mu.Lock()
	defer d.mu.Unlock()
	if !signed {
		if d.plain.text == nil || d.plain.period != period {
			text, err := i.plainMetadata()
			if err != nil {
				return nil, err
			}
			d.plain = document{text: text, period: period}
		}
		return d.plain.text, nil
	}
	signer := i.c.MetadataKeys.Current()
	if s := d.signed; s.text == nil || s.period != period || s.signer != signer || now.Sub(s.made) >= resignEvery || now.Before(s.made) {
		text, err := i.signMetadata(signer, now)
		if err != nil {
			return nil, err
		}
		d.signed = document{text: text, period: period, signer: signer, made: now}
	}
	return d.signed.text, nil
}

func (i *Issuer) plainMetadata() ([]byte, error) {
	m, err := i.Metadata()
	if err != nil {
		return nil, err
	}
	return jose.Marshal(m)
}

func (i *Issuer) signMetadata(signer *seal.Sealer, now time.Time) ([]byte, error) {
	if err := i.checkMetadataSigner(signer); err != nil {
		return nil, err
	}
	m, err := i.Metadata()
	if err != nil {
		return nil, err
	}
	expires := now.Add(metadataLife)
	if end := signer.Certificate().NotAfter; end.Before(expires) {
		expires = end
	}
	text, err := m.Sign(signer, now, expires)
	return []byte(text), err
}

// checkMetadataSigner: the certificate names this issuer, is for signing data,
// and is not one that seals credentials, so that no signature passes for
// another kind. That the chain leaves its anchor out, and that no certificate
// in it is self-signed, seal.NewSealer sees to (HAIP 1.0, Section 4.1).
func (i *Issuer) checkMetadataSigner(signer *seal.Sealer) error {
	c := signer.Certificate()
	if err := seal.CertifiesIssuer(c, i.c.URL); err != nil {
		return err
	}
	if c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("keyUsage of the certificate lacks digitalSignature (RFC 5280, Section 4.2.1.3)")
	}
	if sealing := i.c.Keys.Current().Certificate(); bytes.Equal(c.RawSubjectPublicKeyInfo, sealing.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("the key is the one that seals credentials; make one for metadata alone")
	}
	return nil
}
