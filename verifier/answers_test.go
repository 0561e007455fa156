package verifier_test

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// answers are those of a responder that is the authority of seals itself.
type answers struct {
	w    *world.World
	kept map[*x509.Certificate][]byte
}

func (a *answers) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (trust.RevocationStatus, error) {
	status, _, err := a.RevocationValue(ctx, cert, issuer, at)
	return status, err
}

func (a *answers) RevocationValue(_ context.Context, cert, issuer *x509.Certificate, at time.Time) (trust.RevocationStatus, trust.RevocationValue, error) {
	ca := a.w.Hierarchy.SealCA
	if !issuer.Equal(ca.Certificate) {
		return trust.RevocationStatus{Detail: "another's"}, trust.RevocationValue{}, nil
	}
	id, err := devocsp.About(cert, issuer)
	if err != nil {
		return trust.RevocationStatus{}, trust.RevocationValue{}, err
	}
	der, err := devocsp.Answer{ID: id, ProducedAt: at, ThisUpdate: at, NextUpdate: at.Add(time.Hour), Key: ca.Key}.Sign(issuer)
	if err != nil {
		return trust.RevocationStatus{}, trust.RevocationValue{}, err
	}
	a.kept[cert] = der
	status, value := a.Kept(cert, issuer, at)
	return status, value, nil
}

func (a *answers) Kept(cert, issuer *x509.Certificate, at time.Time) (trust.RevocationStatus, trust.RevocationValue) {
	der := a.kept[cert]
	if der == nil {
		return trust.RevocationStatus{}, trust.RevocationValue{}
	}
	status, err := trust.NewArchive(nil, [][]byte{der}).Revocation(context.Background(), cert, issuer, at)
	if err != nil {
		return trust.RevocationStatus{}, trust.RevocationValue{}
	}
	return status, trust.RevocationValue{OCSP: der}
}

// Evidence of a judgement that rests on what a responder answered holds years later,
// and does not without the answer.
func TestReverifyAnswers(t *testing.T) {
	said := &answers{kept: map[*x509.Certificate][]byte{}}
	w := world.New(t, func(c *verifier.Config) {
		c.Seals.Revocation = trust.Preferred{said, c.Seals.Revocation.(trust.ValueSource)}
	})
	said.w = w
	text := evidenced(t, w, presenting(w))
	if len(said.kept) == 0 {
		t.Fatal("nobody asked")
	}
	w.Advance(10 * 365 * 24 * 3600e9)
	r := verifier.Reverify(t.Context(), text, w.Hierarchy.Anchors())
	if holds, anchored := r.OK(); !holds || !anchored || !r.Result.Verified {
		t.Errorf("holds %t, anchored %t\n%v", holds, anchored, r.Checks)
	}
	if !strings.Contains(r.Checks.String(), "1 answers of responders") {
		t.Errorf("the answers are not told\n%s", r.Checks)
	}
	without := resign(t, w, text, func(d map[string]any) { delete(d["trust"].(map[string]any), "ocsp_answers") })
	if holds, _ := verifier.Reverify(t.Context(), without, w.Hierarchy.Anchors()).OK(); holds {
		t.Error("it holds without the answer")
	}
}
