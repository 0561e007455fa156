package seal_test

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// forgery is something that is not what it says, and how it is refused: by which
// checks, in which words, and what is left of it. Where a check fails that makes the
// evidence less and the seal no worse, as a time-stamp that proves nothing, the
// sub-indication is empty; Err is there all the same.
type forgery struct {
	name   string
	in     []byte // a compact token, or a JSON serialisation
	sub    seal.SubIndication
	level  seal.Level
	failed string // the checks that fail, in order; empty where all that is left holds
	says   string // of the first of them
	source trust.RevocationSource
}

// forger makes forgeries of seals of an archive. Other is another world with the
// same names, whose keys are the forger's.
type forger struct {
	*archive
	other *archive
	at    time.Time // of the judgement
}

// Every forgery is refused by name. Beside these: answers of time-stamp authorities
// in seal/tsp (TestStampRefuses: another nonce, none, another imprint;
// TestVerifyRefuses), answers of OCSP responders in seal/trust
// (TestRespondersRefuse, TestArchiveOCSP), trusted lists in seal/trust/tsl
// (TestForgeries: wrapping; TestPivotForgeries), disclosures that are not under the
// seal in seal/report and credential/sdjwt.
func TestForgeries(t *testing.T) {
	w := &forger{newArchive(t), newArchive(t), now.Add(3 * time.Hour)}
	for _, all := range [][]forgery{w.headers(), w.serialisations(), w.elements(), w.stamps(), w.certificates(), w.revocation()} {
		for _, c := range all {
			t.Run(c.name, func(t *testing.T) {
				v := w.validator(w.at)
				if c.source != nil {
					v.Revocation = c.source
				}
				if c.failed != "" {
					c.judged(t, v, w.at)
				} else {
					c.accepted(t, v, w.at)
				}
			})
		}
	}
}

func (c forgery) judge(t *testing.T, v *seal.Validator, at time.Time) (got seal.Validation) {
	var err error
	if c.in[0] == '{' {
		got, _, err = v.ValidateJSON(context.Background(), c.in, "dc+sd-jwt", at)
	} else {
		got, _, err = v.ValidateCompact(context.Background(), string(c.in), "dc+sd-jwt", at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (c forgery) judged(t *testing.T, v *seal.Validator, at time.Time) {
	got := c.judge(t, v, at)
	if got.SubIndication != c.sub || got.Level != c.level || !hasFailures(got, c.failed) || got.Err() == nil {
		t.Errorf("found %s %s %s, failed %v\n%s", got.Indication, got.SubIndication, got.Level, got.Checks.Failures(), got.Checks)
	}
	first, _, _ := strings.Cut(c.failed, " ")
	for _, k := range got.Checks {
		if k.Name == first && k.Outcome == credential.Failed && strings.Contains(k.Detail, c.says) {
			return
		}
	}
	t.Errorf("%s does not say %q\n%s", first, c.says, got.Checks)
}

// accepted is what was taken something away from and holds as what is left.
func (c forgery) accepted(t *testing.T, v *seal.Validator, at time.Time) {
	if got := c.judge(t, v, at); got.Err() != nil || got.Level != c.level || c.sub != "" || c.failed != "" {
		t.Errorf("found %s %s %s\n%s", got.Indication, got.SubIndication, got.Level, got.Checks)
	}
}

// sealed is a compact token by a key, whose good header was bent.
func (w *forger) sealed(p devca.Pair, bend func(h map[string]any)) []byte {
	h := header(p.Certificate)
	if bend != nil {
		bend(h)
	}
	return []byte(sign(w.t, p.Key, h, `{"a":1}`))
}

// headers are protected headers, rightly signed.
func (w *forger) headers() []forgery {
	set := func(name string, value any) []byte {
		return w.sealed(w.seal, func(h map[string]any) { h[name] = value })
	}
	critical := func(value any) []byte { return set("crit", value) }
	without := func(names ...string) []byte {
		return w.sealed(w.seal, func(h map[string]any) {
			for _, n := range names {
				delete(h, n)
			}
		})
	}
	sha1 := w.sealed(w.seal, func(h map[string]any) { h["x5t"] = "AAAA"; delete(h, "x5t#S256") })
	twice := func(h map[string]any) {
		h["x5t#o"] = map[string]any{"digAlg": "S512", "digVal": s512(w.seal.Certificate)}
	}
	unknown := w.sealed(w.seal, func(h map[string]any) { h["crit"], h["foo"] = []string{"foo"}, 1 })
	late := w.sealed(w.seal, func(h map[string]any) { h["sigT"] = "2026-11-23T12:00:00Z"; delete(h, "iat") })
	unencoded := w.sealed(w.seal, func(h map[string]any) { h["b64"], h["crit"] = false, []string{"b64"} })
	const format, certificate, attributes, baseline = seal.CheckFormat, seal.CheckCertificate, seal.CheckAttributes, seal.CheckBaseline
	const malformed, constraints, nobody = seal.FormatFailure, seal.SigConstraintsFailure, seal.NoSigningCertificateFound
	const none = seal.NotBaseline
	return []forgery{
		{"as it was made", w.sealed(w.seal, nil), "", seal.BaselineB, "", "", nil},
		{"another typ", set("typ", "vc+jwt"), malformed, none, format, "expected \"dc+sd-jwt\"", nil},
		{"another typ in JSON", w.inJSON(w.signedHeader(func(h map[string]any) { h["typ"] = "vc+jwt" })), malformed, none, format, "expected \"dc+sd-jwt\"", nil},
		{"detached in JSON", w.inJSON(w.signedHeader(func(h map[string]any) { h["sigD"] = map[string]any{} })), seal.SignedDataNotFound, none, format, "sigD", nil},
		{"unknown crit", unknown, malformed, none, format, "crit[0]", nil},
		{"crit empty", critical([]string{}), malformed, none, format, "non-empty", nil},
		{"crit twice", critical([]string{"iat", "iat"}), malformed, none, format, "twice", nil},
		{"crit of a registered name", critical([]string{"alg"}), malformed, none, format, "crit[0]", nil},
		{"crit of an absent name", critical([]string{"sigT"}), malformed, none, format, "does not have", nil},
		{"b64 in a compact token", unencoded, malformed, none, format, "b64", nil},
		{"b64 and not critical", w.inJSON(w.signedHeader(func(h map[string]any) { h["b64"] = false })), malformed, none, format, "not critical", nil},
		{"zip", set("zip", "DEF"), malformed, none, format, "zip", nil},
		{"sigT with iat", set("sigT", "2026-11-23T12:00:00Z"), constraints, none, attributes + " " + baseline, "iat and sigT", nil},
		{"sigT of today", late, "", none, baseline, "sigT is used after 2025-07-15", nil},
		{"no reference", without("x5t#S256"), "", none, baseline, "x5t#S256 is missing", nil},
		{"SHA-1 reference", sha1, constraints, none, attributes + " " + baseline, "x5t is there", nil},
		{"SHA-1 reference, too", set("x5t", "AAAA"), constraints, seal.BaselineB, attributes, "x5t is there", nil},
		{"two digests", w.sealed(w.seal, twice), constraints, seal.BaselineB, attributes, "more than one", nil},
		{"exp passed", set("exp", w.at.Unix()), constraints, seal.BaselineB, attributes, "exp", nil},
		{"made in the future", set("iat", w.at.Add(time.Hour).Unix()), constraints, seal.BaselineB, attributes, "lies after", nil},
		{"detached", set("sigD", map[string]any{}), seal.SignedDataNotFound, none, format, "sigD", nil},
		{"no certificate", without("x5c"), nobody, none, certificate, "x5c is missing", nil},
		{"x5t#S256 of another", set("x5t#S256", jose.X5TS256(w.other.seal.Certificate)), nobody, none, certificate, "not that of x5c[0]", nil},
	}
}

// certificates are seals under others' certificates.
func (w *forger) certificates() []forgery {
	swapped := func(c *x509.Certificate) func(map[string]any) {
		return func(h map[string]any) { h["x5c"] = jose.EncodeX5C([]*x509.Certificate{c}) }
	}
	both := w.sealed(w.seal, func(h map[string]any) {
		swapped(w.other.seal.Certificate)(h)
		h["x5t#S256"] = jose.X5TS256(w.other.seal.Certificate)
	})
	twin := leaf() // another certificate for the same key, from the forger's authority
	twin.NotBefore, twin.NotAfter = now.Add(-year/2), now.Add(year/2)
	same := devca.Pair{Key: w.seal.Key, Certificate: certify(w.t, twin, w.seal.Key.Public(), nil, &w.other.ca)}
	const none, nowhere = seal.NotBaseline, seal.NoCertificateChainFound
	return []forgery{
		{"certificate swapped", w.sealed(w.seal, swapped(w.other.seal.Certificate)), seal.NoSigningCertificateFound, none, seal.CheckCertificate, "not that of x5c[0]", nil},
		{"certificate of the same key swapped", w.sealed(w.seal, swapped(same.Certificate)), seal.NoSigningCertificateFound, none, seal.CheckCertificate, "not that of x5c[0]", nil},
		{"certificate and reference swapped", both, seal.HashFailure, none, seal.CheckSignature, "does not verify", nil},
		{"an authority of the same name", w.sealed(w.other.seal, nil), nowhere, seal.BaselineB, seal.CheckChain, "not issued by an authority trusted", nil},
		{"a certificate of that for our key", w.sealed(same, nil), nowhere, seal.BaselineB, seal.CheckChain, "not issued by an authority trusted", nil},
		{"the anchor in x5c", w.sealed(w.seal, func(h map[string]any) {
			h["x5c"] = jose.EncodeX5C([]*x509.Certificate{w.seal.Certificate, w.ca.Certificate})
		}), seal.ChainConstraintsFailure, seal.BaselineB, seal.CheckChain, "anchor", nil},
		{"a time-stamp authority's", w.sealed(devca.Pair{Key: w.tsas[0].Key, Certificate: w.tsas[0].Chain[0]}, nil), seal.ChainConstraintsFailure, seal.BaselineB, seal.CheckKeyUsage, "another purpose", nil},
	}
}

// revocation is what others say of the certificate, or old.
func (w *forger) revocation() []forgery {
	compact := w.sealed(w.seal, nil)
	published := func(lists ...[]byte) trust.RevocationSource { return trust.NewArchive(lists, nil) }
	const check, later = seal.CheckRevocation, seal.TryLater
	in := func(v evidence.Values) []byte { // stamped, and the values kept
		f := w.made(seal.BaselineT)
		w.check(f.AddValues(evidence.Values{CRLs: [][]byte{crl(w.t, w.tsas[0].Root, w.tsas[0].RootKey, now)}}))
		w.check(f.AddValues(v))
		return with(w.t, f, texts(f)...)
	}
	forgedList := crl(w.t, w.ca.Certificate, w.other.ca.Key, now)
	empty := published()
	return []forgery{
		{"a list of another issuer", compact, later, seal.BaselineB, check, "no revocation value about it", published(crl(w.t, w.tsas[0].Root, w.tsas[0].RootKey, w.at))},
		{"a list by another of the same name", compact, later, seal.BaselineB, check, "no revocation value about it", published(crl(w.t, w.other.ca.Certificate, w.other.ca.Key, w.at))},
		{"a list of the issuer by another key", compact, later, seal.BaselineB, check, "no revocation value about it", published(forgedList)},
		{"a list that has run out", compact, later, seal.BaselineB, check, "had to be replaced", published(crl(w.t, w.ca.Certificate, w.ca.Key, w.at.Add(-8*24*time.Hour)))},
		{"a good list beside one that says revoked", compact, seal.RevokedNoPOE, seal.BaselineB, check, "since", published(crl(w.t, w.ca.Certificate, w.ca.Key, w.at), crl(w.t, w.ca.Certificate, w.ca.Key, now, gone(w.seal.Certificate, now)))},
		{"a forged list kept", in(evidence.Values{CRLs: [][]byte{forgedList}}), later, seal.BaselineT, check, "no revocation value about it", empty},
		{"an answer kept by no delegate", in(w.answered(nil)), later, seal.BaselineT, check, "is not for OCSP", empty},
		{"an answer kept by another authority's", in(w.answered(&w.other.ca)), later, seal.BaselineT, check, "delegated to signed it", empty},
	}
}
