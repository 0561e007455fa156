package trust

import (
	"crypto/x509"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"
)

// life is until when something that was signed is believed; the error is for an
// algorithm that never is.
type life struct {
	Lifetime
	err error
}

// at is why it is not believed at a time.
func (l life) at(t time.Time) error {
	if l.err != nil {
		return l.err
	}
	return l.At(t)
}

func (s *Suite) orDefault() *Suite {
	if s == nil {
		return DefaultSuite()
	}
	return s
}

// list is until when the signature of a revocation list is believed.
func (s *Suite) list(l *crl, issuer *x509.Certificate) life {
	out, err := s.X509(l.signed, issuer.PublicKey)
	return life{out, err}
}

// answer is until when an OCSP answer is believed: by its own signature, and by that
// on the certificate of whom the issuer delegated to.
func (s *Suite) answer(r *ocsp.Response, issuer *x509.Certificate) life {
	by := issuer
	if c := r.Certificate; c != nil && !c.Equal(issuer) {
		by = c
	}
	out, err := s.X509(r.SignatureAlgorithm, by.PublicKey)
	if err == nil && by != issuer {
		var delegated Lifetime
		delegated, err = s.X509(by.SignatureAlgorithm, issuer.PublicKey)
		out = out.Sooner(delegated)
	}
	return life{out, err}
}

// believed takes back that somebody was good where an algorithm of what says so had
// ended at the time that counts (EN 319 102-1, clause 5.5.4, step 10). That somebody
// was revoked it does not take back: whoever can forge that does no more than refuse.
func (s RevocationStatus) believed(signed life, by time.Time) RevocationStatus {
	if s.State != Good {
		return s
	}
	if err := signed.at(by); err != nil {
		s.State, s.Ended = Unknown, true
		s.Detail = fmt.Sprintf("what says that it is good, of %s, cannot be believed: %s", s.ThisUpdate.UTC().Format(time.RFC3339), err)
	}
	return s
}

// delegated takes back that somebody was good where the certificate of whom the
// issuer delegated to had run out at the time that counts: nobody says of it that it
// was not revoked but for as long as it is valid, so that who has its key by then
// can write any day on an answer (RFC 6960, Section 4.2.2.2.1; EN 319 102-1, clause
// 5.6.2.4).
func (s RevocationStatus) delegated(r *ocsp.Response, by time.Time) RevocationStatus {
	if s.State != Good || !delegateEnded(r, by) {
		return s
	}
	s.State, s.OutOfBounds = Unknown, true
	s.Detail = fmt.Sprintf("what says that it is good, of %s, is of a responder whose certificate ran out at %s, and nothing proves that it is older", s.ThisUpdate.UTC().Format(time.RFC3339), r.Certificate.NotAfter.UTC().Format(time.RFC3339))
	return s
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
