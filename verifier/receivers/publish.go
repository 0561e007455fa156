package receivers

import (
	"crypto/x509"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Typ is the typ of the published register as a JWT.
const Typ = "receivers-register+jwt"

// Published is the register as everybody may read it.
type Published struct {
	Issuer    string           `json:"iss"`
	IssuedAt  jose.NumericDate `json:"iat"`
	Expires   jose.NumericDate `json:"exp"`
	Receivers []Entry          `json:"receivers"`
}

// Entry is a published receiver.
type Entry struct {
	ID               string      `json:"id"`
	Status           Status      `json:"status"`
	Registration     string      `json:"registration"`
	LegalName        string      `json:"legal_name"`
	Country          string      `json:"country"`
	PrivacyStatement string      `json:"privacy_statement"`
	Safeguards       *Safeguards `json:"safeguards,omitempty"`
	// Certificates are the x5t#S256 of the access certificates that are in use.
	Certificates []string   `json:"x5t#S256"`
	Uses         []EntryUse `json:"intended_uses"`
}

// EntryUse is a published intended use.
type EntryUse struct {
	ID          string                        `json:"id"`
	Purpose     []oid4vp.Localized            `json:"purpose"`
	LegalBasis  string                        `json:"legal_basis"`
	Credentials []oid4vp.RegisteredCredential `json:"credentials"`
}

// Publish makes the published register. certificates maps a receiver's id to
// its access certificate.
func (r *Register) Publish(issuer string, certificates map[string]*x509.Certificate, now time.Time, life time.Duration) Published {
	out := Published{Issuer: issuer, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(life)), Receivers: []Entry{}}
	for _, x := range r.receivers {
		e := Entry{
			ID: x.ID, Status: x.Status, Registration: x.Registration, LegalName: x.Name, Country: x.Country,
			PrivacyStatement: x.PrivacyStatement, Safeguards: x.Safeguards, Certificates: []string{},
		}
		if c := certificates[x.ID]; c != nil {
			e.Certificates = append(e.Certificates, jose.X5TS256(c))
		}
		for _, u := range x.Uses {
			e.Uses = append(e.Uses, EntryUse{ID: u.ID, Purpose: u.Purpose.localized(), LegalBasis: u.LegalBasis, Credentials: u.registered()})
		}
		out.Receivers = append(out.Receivers, e)
	}
	return out
}

// Registrar is who signs and where the register is published.
type Registrar struct {
	ID          string
	RegistryURI string
}

// Certificate is what the registrar certifies about one intended use of a
// receiver, bound to its access certificate.
func (r Receiver) Certificate(u IntendedUse, by Registrar, leaf *x509.Certificate, now time.Time, life time.Duration) oid4vp.Registration {
	return oid4vp.Registration{
		Registrar: by.ID, Receiver: r.Registration, Name: r.Name, Country: r.Country,
		Certificate: jose.X5TS256(leaf), IntendedUse: u.ID, Purpose: u.Purpose.localized(), LegalBasis: u.LegalBasis,
		PrivacyPolicy: r.PrivacyStatement, RegistryURI: by.RegistryURI, Credentials: u.registered(),
		IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(life)),
	}
}

func (t Text) localized() []oid4vp.Localized {
	var out []oid4vp.Localized
	for _, lang := range Languages() {
		if s := t[lang]; s != "" {
			out = append(out, oid4vp.Localized{Lang: lang, Value: s})
		}
	}
	return out
}

func (u IntendedUse) registered() []oid4vp.RegisteredCredential {
	out := make([]oid4vp.RegisteredCredential, len(u.Asked))
	for i, c := range u.Asked {
		out[i] = oid4vp.RegisteredCredential{Format: c.Format, Meta: c.meta()}
		for _, p := range c.Claims {
			out[i].Claims = append(out[i].Claims, oid4vp.RegisteredClaim{Path: p})
		}
	}
	return out
}
