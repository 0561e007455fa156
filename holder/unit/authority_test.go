package unit_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// authority is a public body with its hierarchy, as a wallet trusts it.
type authority struct {
	*devca.Hierarchy
	store *trust.Store
	crls  *trust.CRLs
	seals *seal.Sealer
}

func newAuthority(t testing.TB, issuer string) *authority {
	t.Helper()
	a := &authority{Hierarchy: must(devca.New(devca.Options{Now: at.Add(-time.Hour), Issuer: issuer}))(t)}
	a.store = must(a.Store(at))(t)
	a.crls = must(a.CRLs(nil, now))(t)
	a.seals = must(a.Sealer("", now))(t)
	return a
}

// VerifyChain implements oid4vp.ChainVerifier as a wallet does.
func (a *authority) VerifyChain(ctx context.Context, chain []*x509.Certificate, when time.Time) error {
	path, err := a.store.Certificates(chain, trust.UseAccessCertificate, when)
	if err != nil {
		return err
	}
	st, err := a.crls.Revocation(ctx, path.Leaf(), path.Anchor(), when)
	if err != nil {
		return err
	}
	if st.State != trust.Good {
		return fmt.Errorf("the access certificate is %s", st.State)
	}
	return nil
}

// statusToken is a signed status list with one value everywhere.
func (a *authority) statusToken(t testing.TB, uri string, v status.Value) string {
	t.Helper()
	l := must(status.NewList(2, 64))(t)
	for i := range l.Len() {
		if err := l.Put(i, v); err != nil {
			t.Fatal(err)
		}
	}
	return a.listToken(t, uri, l)
}

// listToken signs a status list.
func (a *authority) listToken(t testing.TB, uri string, l *status.List) string {
	t.Helper()
	signer := must(a.StatusSealer(now))(t)
	payload := must(jose.Marshal(m{"sub": uri, "iat": at.Unix(), "exp": at.Add(time.Hour).Unix(), "ttl": 60, "status_list": l}))(t)
	return must(signer.SignCompact(status.Typ, at, payload))(t)
}

// statusTrust trusts the authority's status signer alone.
func (a *authority) statusTrust(_ context.Context, token *jose.Token) (crypto.PublicKey, error) {
	path, err := a.store.X5C(token.Header.X5C, trust.UseStatus, at)
	if err != nil {
		return nil, err
	}
	return path.Leaf().PublicKey, nil
}

const claims = `{"title":"T","level":6,"person":{"family_name":"F","given_name":"G"},"tags":["A","B"],"subjects":[{"name":"N","points":3},{"name":"M","points":4}]}`

// copies counts the copies that were issued, for values that differ in each.
var copies struct {
	sync.Mutex
	n int
}

// issue seals one copy for a key.
func (a *authority) issue(t testing.TB, holder jose.JWK, change ...func(*sdjwt.Credential)) string {
	t.Helper()
	copies.Lock()
	copies.n++
	n := copies.n
	copies.Unlock()
	from := at.Add(-time.Minute)
	c := sdjwt.Credential{
		Issuer: issuerURL, Type: vct, Category: sdjwt.CategoryPubEAA, ID: fmt.Sprintf("urn:x:%d", n), Subject: fmt.Sprintf("urn:y:%d", n),
		IssuedAt: from, NotBefore: from, Expires: at.Add(24 * time.Hour), Holder: holder,
		Status: sdjwt.StatusList{Index: uint64(n % 64), URI: issuerURL + "/status/1"}, Claims: []byte(claims), TypeIntegrity: sdjwt.Integrity([]byte("x")),
	}
	for _, f := range change {
		f(&c)
	}
	frame := must(sdjwt.NewFrame(
		sdjwt.Path{"title"}, sdjwt.Path{"level"}, sdjwt.Path{"person"}, sdjwt.Path{"person", "family_name"}, sdjwt.Path{"person", "given_name"},
		sdjwt.Path{"tags", nil}, sdjwt.Path{"subjects", nil},
	))(t)
	template := must(sdjwt.NewTemplate(sdjwt.Options{
		Issuer: c.Issuer, Type: c.Type, Category: c.Category, Frame: frame, Certificate: a.seals.Certificate(), HideAbsent: true, TypeIntegrity: c.TypeIntegrity,
	}))(t)
	return must(must(template.Prepare(c, nil))(t).Seal(a.seals))(t)
}

// hold puts a credential with so many copies into the vault.
func (a *authority) hold(t testing.TB, v *unit.Vault, n int, change ...func(*sdjwt.Credential)) unit.Item {
	t.Helper()
	it := unit.Item{Name: must(unit.NewName(rand.Reader))(t), Format: "dc+sd-jwt", Type: vct, Title: "Diploma", Issuer: issuerURL, Added: at}
	for range n {
		key := newKey(t)
		private := must(jose.PrivateJWK(key))(t)
		text := a.issue(t, private.Public(), append(change, func(c *sdjwt.Credential) { it.Type = c.Type })...)
		it.Copies = append(it.Copies, unit.Copy{Credential: quoted(text), Key: private})
	}
	if err := v.Add(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	return it
}

// reseal seals the credential again with a changed payload.
func (a *authority) reseal(t testing.TB, text string, change func(m)) string {
	t.Helper()
	jwt, rest, _ := strings.Cut(text, "~")
	var payload m
	if err := jose.Unmarshal(must(jose.Parse(jwt))(t).Payload, &payload); err != nil {
		t.Fatal(err)
	}
	change(payload)
	return must(a.seals.SignCompact(sdjwt.TypVC, at, must(jose.Marshal(payload))(t)))(t) + "~" + rest
}
