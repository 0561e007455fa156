package bench

import (
	"crypto"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// vcJWT is the diploma as vc+jwt, sealed with the chain in its header, against the
// signature that it cannot do without.
func vcJWT(t *testing.T) []row {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Truncate(time.Second)
	h, err := devca.New(devca.Options{Now: at, Issuer: issuerURL})
	ok(err)
	sealer, err := h.Sealer("", func() time.Time { return at })
	ok(err)
	anchors, err := h.Store(at)
	ok(err)
	credential := vcjose.Credential{Document: documents(t)[0].text, IssuedAt: at, Expires: at.AddDate(0, 3, 0), Holder: jwk(t, newKey(t).Public())}
	issue := func() (string, error) {
		d, err := vcjose.Prepare(credential)
		if err != nil {
			return "", err
		}
		return d.Seal(sealer)
	}
	text, err := issue()
	ok(err)
	policy := vcjose.Policy{Now: at, RequireExp: true, IssuerKey: func(token *jose.Token, _ string) (crypto.PublicKey, error) {
		path, err := anchors.X5C(token.Header.X5C, trust.UseSeal, at)
		if err != nil {
			return nil, err
		}
		return path.Leaf().PublicKey, nil
	}}
	return []row{
		{name: "issuing a diploma of 3 KB", reference: "P-256 signature", cost: true,
			ours: local(func() error { _, err := issue(); return err }), theirs: bareSign(t, 1)},
		{name: "verifying it, its chain seen before", reference: "P-256 verification", cost: true,
			ours: local(func() error { _, err := vcjose.VerifyCredential(text, policy); return err }), theirs: bareVerify(t, 1)},
	}
}
