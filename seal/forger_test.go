package seal_test

import (
	"bytes"
	"crypto"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

func s512(c *x509.Certificate) string {
	sum := sha512.Sum512(c.Raw)
	return jose.Encode(sum[:])
}

// signedHeader is a compact token with a bent header, in its parts.
func (w *forger) signedHeader(bend func(h map[string]any)) map[string]any {
	parts := strings.Split(string(w.sealed(w.seal, bend)), ".")
	return map[string]any{"protected": parts[0], "payload": parts[1], "signature": parts[2]}
}

func (w *forger) inJSON(doc any) []byte {
	b, err := json.Marshal(doc)
	w.check(err)
	return b
}

// serialisations are JSON forms around a good signature.
func (w *forger) serialisations() []forgery {
	bent := func(bend func(doc map[string]any)) []byte {
		doc := w.signedHeader(nil)
		bend(doc)
		return w.inJSON(doc)
	}
	shadow := func(name string, value any) []byte {
		return bent(func(doc map[string]any) { doc["header"] = map[string]any{name: value} })
	}
	general := func(n int) []byte {
		doc := w.signedHeader(nil)
		one := map[string]any{"protected": doc["protected"], "signature": doc["signature"]}
		return w.inJSON(map[string]any{"payload": doc["payload"], "signatures": slices.Repeat([]any{one}, n)})
	}
	good := w.inJSON(w.signedHeader(nil))
	again := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	repeated := bytes.Replace(decoded(w.t, w.signedHeader(nil)["protected"].(string)), []byte(`{`), []byte(`{"iat":1,`), 1)
	const format, malformed, none = seal.CheckFormat, seal.FormatFailure, seal.NotBaseline
	protectedToo := w.inJSON(w.signedHeader(func(h map[string]any) { h["etsiU"] = []string{"e30"} }))
	return []forgery{
		{"JSON as it was made", good, "", seal.BaselineB, "", "", nil},
		{"general JSON as it was made", general(1), "", seal.BaselineB, "", "", nil},
		{"two signatures", general(2), malformed, none, format, "found 2", nil},
		{"no signature", general(0), malformed, none, format, "found 0", nil},
		{"both forms at once", again(`{`, `{"signatures":[],`), malformed, none, format, "stands beside", nil},
		{"payload twice", again(`{`, `{"payload":"e30",`), malformed, none, format, "twice", nil},
		{"protected header twice", again(`{`, `{"protected":"e30",`), malformed, none, format, "twice", nil},
		{"a member of the header twice", bent(func(doc map[string]any) { doc["protected"] = jose.Encode(repeated) }), malformed, none, format, "twice", nil},
		{"alg beside the protected one", shadow("alg", "none"), malformed, none, format, "unknown", nil},
		{"certificate beside the protected one", shadow("x5c", []string{}), malformed, none, format, "unknown", nil},
		{"reference beside the protected one", shadow("x5t#S256", "AAAA"), malformed, none, format, "unknown", nil},
		{"crit beside the protected header", shadow("crit", []string{"etsiU"}), malformed, none, format, "unknown", nil},
		{"etsiU in the protected header", protectedToo, malformed, none, format, "must not be protected", nil},
		{"something after the end", append(slices.Clone(good), good...), malformed, none, format, "trailing data", nil},
		{"another payload", bent(func(doc map[string]any) { doc["payload"] = jose.Encode([]byte(`{"a":2}`)) }), seal.HashFailure, none, seal.CheckSignature, "does not verify", nil},
		{"another signature", bent(func(doc map[string]any) {
			doc["signature"] = w.signedHeader(func(h map[string]any) { h["iat"] = now.Unix() + 1 })["signature"]
		}), seal.HashFailure, none, seal.CheckSignature, "does not verify", nil},
		{"etsiU empty", shadow("etsiU", []string{}), malformed, none, format, "0 elements", nil},
		{"etsiU in clear", shadow("etsiU", []any{map[string]any{"sigTst": 1}}), malformed, none, format, "not base64url", nil},
		{"an element of two kinds", shadow("etsiU", []string{jose.Encode([]byte(`{"cSig":1,"sigPSt":1}`))}), malformed, none, format, "2 members", nil},
		{"an element twice in one", shadow("etsiU", []string{jose.Encode([]byte(`{"cSig":1,"cSig":2}`))}), malformed, none, format, "twice", nil},
		{"an element of no kind", shadow("etsiU", []string{jose.Encode([]byte(`{"sigTst2":1}`))}), malformed, none, format, "its kind", nil},
	}
}

// elements are evidence of which something was taken away, moved or exchanged. What
// is left holds as what it is; what covered the rest does not.
func (w *forger) elements() []forgery {
	good := w.made(seal.BaselineLTA)
	e, strange := texts(good), texts(w.made(seal.BaselineLT))
	again := texts(w.again(w.made(seal.BaselineLTA), w.tsas[1], now.Add(2*time.Hour)))
	of := func(e ...string) []byte { return with(w.t, good, e...) }
	// What is archived says nothing of the seal; what does came afterwards.
	padded := w.made(seal.BaselineT)
	w.check(padded.AddValues(evidence.Values{CRLs: [][]byte{crl(w.t, w.other.ca.Certificate, w.other.ca.Key, now)}}))
	w.stamp(padded, evidence.ArchiveTimeStamp, w.tsas[0], now.Add(time.Hour))
	w.check(padded.AddValues(w.values(now.Add(2 * time.Hour))))
	twoTokens := jose.Encode(bytes.Replace(decoded(w.t, e[0]), []byte(`[{`), []byte(`[{"val":"MAA="},{`), 1))
	const archive, something = seal.CheckArchiveStamp, "stamps something else"
	return []forgery{
		{"evidence as it was made", of(e...), "", seal.BaselineLTA, "", "", nil},
		{"etsiU stripped", of(), "", seal.BaselineB, "", "", nil},
		{"archive time-stamp stripped", of(e[:3]...), "", seal.BaselineLT, "", "", nil},
		{"values stripped", of(e[0], e[3]), "", seal.BaselineT, archive, something, nil},
		{"certificates stripped", of(e[0], e[2], e[3]), "", seal.BaselineLT, archive, something, nil},
		{"signature time-stamp stripped", of(e[1:]...), "", seal.BaselineB, archive, something, nil},
		{"elements in another order", of(e[0], e[2], e[1], e[3]), "", seal.BaselineLT, archive, something, nil},
		{"archive time-stamp moved", of(e[0], e[1], e[3], e[2]), "", seal.BaselineLT, archive, something, nil},
		{"archive time-stamp over fewer elements", of(e[0], e[1], e[2], w.archivedBefore(good, 2)), "", seal.BaselineLT, archive, something, nil},
		{"values exchanged", of(e[0], e[1], strange[2], e[3]), "", seal.BaselineLT, archive, something, nil},
		{"first archive time-stamp stripped", of(slices.Concat(again[:3], again[4:])...), "", seal.BaselineLT, archive, something, nil},
		{"archive time-stamp as signature's", of(retitled(w.t, e[3], "arcTst", "sigTst")), "", seal.BaselineB, seal.CheckTimeStamp, something, nil},
		{"signature time-stamp as archive's", of(e[0], e[1], e[2], retitled(w.t, e[0], "sigTst", "arcTst")), "", seal.BaselineLT, archive, something, nil},
		{"archive time-stamp over a stranger's values", with(w.t, padded, texts(padded)...), "", seal.BaselineLT, "", "", nil},
		{"two tokens in a time-stamp", of(twoTokens), seal.FormatFailure, seal.NotBaseline, seal.CheckFormat, "2 time-stamp tokens", nil},
	}
}

// archivedBefore is an archive time-stamp that covers the first n elements alone.
func (w *forger) archivedBefore(f *evidence.File, n int) string {
	part, err := evidence.Parse(with(w.t, f, texts(f)[:n]...))
	w.check(err)
	return w.archiveElement(part, now.Add(time.Hour))
}

// archiveElement is an archive time-stamp over all there is, which AddTimeStamp would
// refuse.
func (w *forger) archiveElement(f *evidence.File, at time.Time) string {
	imprint, err := f.Imprint(evidence.ArchiveTimeStamp, crypto.SHA256)
	w.check(err)
	token, err := w.tsas[0].Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: at})
	w.check(err)
	return jose.Encode([]byte(`{"arcTst":{"tstTokens":[{"val":"` + base64.StdEncoding.EncodeToString(token) + `"}]}}`))
}

// stamps are time-stamps of others, of other things, or at other times.
func (w *forger) stamps() []forgery {
	all := func(f *evidence.File) []byte { return with(w.t, f, texts(f)...) }
	stamped := func(tsa *devtsa.Authority, iat, at time.Time) *evidence.File {
		f := w.lift(iat)
		w.stamp(f, evidence.SignatureTimeStamp, tsa, at)
		return f
	}
	donor := stamped(w.tsas[0], now.Add(time.Second), now) // another seal of the same certificate
	disordered := w.made(seal.BaselineLT)
	w.stamp(disordered, evidence.ArchiveTimeStamp, w.tsas[0], now.Add(-time.Hour))
	// Values of the authority alone, and an archive time-stamp before the values.
	partial := w.made(seal.BaselineT)
	w.check(partial.AddValues(evidence.Values{CRLs: [][]byte{crl(w.t, w.tsas[0].Root, w.tsas[0].RootKey, now)}}))
	e := texts(w.made(seal.BaselineLT))
	bare, err := evidence.Parse(with(w.t, w.made(seal.BaselineB), e[0]))
	w.check(err)
	early := w.archiveElement(bare, now.Add(time.Hour))
	older := old(w.t, w.archive)
	// Archived by one authority and again by another, nothing kept of the first.
	gap := w.made(seal.BaselineT)
	v := w.values(now.Add(time.Minute))
	v.CRLs = v.CRLs[:2] // of the seal's authority and of the one that stamped first
	w.check(gap.AddValues(v))
	w.stamp(gap, evidence.ArchiveTimeStamp, older, now.Add(time.Hour))
	w.stamp(gap, evidence.ArchiveTimeStamp, w.tsas[0], now.Add(2*time.Hour))
	const stamp, attributes = seal.CheckTimeStamp, seal.CheckAttributes
	return []forgery{
		{"values of the authority alone", all(partial), "", seal.BaselineT, "", "", nil},
		{"archive time-stamp before values", with(w.t, bare, e[0], early, e[1], e[2]), "", seal.BaselineLT, "", "", nil},
		{"values of an archive missing", all(gap), "", seal.BaselineT, "", "", nil},
		{"time-stamp of another seal", with(w.t, bare, texts(donor)[0]), "", seal.BaselineB, stamp, "stamps something else", nil},
		{"authority not trusted", all(stamped(w.other.tsas[0], now, now)), "", seal.BaselineB, stamp, "not issued by an authority trusted", nil},
		{"authority of seals", all(stamped(w.notForStamps(), now, now)), "", seal.BaselineB, stamp, "must be timeStamping", nil},
		{"token changed", with(w.t, bare, w.changedToken(e[0])), "", seal.BaselineB, stamp, "message-digest is not that of the content", nil},
		{"stamped before it was sealed", all(stamped(w.tsas[0], now, now.Add(-10*time.Minute))), seal.SigConstraintsFailure, seal.BaselineT, attributes, "lies after", nil},
		{"stamped before the certificate", all(stamped(older, now.Add(-year/2), now.Add(-year))), seal.NotYetValid, seal.BaselineT, seal.CheckValidity + " " + attributes, "older than its certificate", nil},
		{"stamped in the future", all(stamped(w.tsas[0], now, w.at.Add(time.Hour))), "", seal.BaselineB, stamp, "a time after", nil},
		{"archived before it was stamped", all(disordered), seal.TimestampOrderFailure, seal.BaselineB, stamp + " " + attributes, "a time after", nil},
	}
}

// changedToken is an element whose token says another time than was signed.
func (w *forger) changedToken(text string) string {
	f, err := evidence.Parse(with(w.t, w.made(seal.BaselineB), text))
	w.check(err)
	token := f.Elements()[0].Token
	at := bytes.Index(token, []byte(now.UTC().Format("20060102150405Z")))
	token[at+3]-- // a year before
	return jose.Encode([]byte(`{"sigTst":{"tstTokens":[{"val":"` + base64.StdEncoding.EncodeToString(token) + `"}]}}`))
}

// notForStamps is an authority that is trusted for time-stamps, with a certificate
// for seals.
func (w *forger) notForStamps() *devtsa.Authority {
	root := devca.Pair{Key: w.tsas[0].RootKey, Certificate: w.tsas[0].Root}
	c := leaf()
	c.NotBefore, c.NotAfter = now.Add(-year/2), now.Add(year/2)
	unit := mint(w.t, c, &root)
	return &devtsa.Authority{Key: unit.Key, Chain: []*x509.Certificate{unit.Certificate}, Policy: devtsa.Policy, Now: clock}
}

// answered is an OCSP answer that says good of the seal, by a certificate of its
// authority that is not for it; or by a responder of another.
func (w *forger) answered(by *devca.Pair) evidence.Values {
	tmpl := devocsp.Template("Responder", now.Add(-time.Hour), now.AddDate(0, 1, 0))
	if by == nil {
		by, tmpl.ExtKeyUsage = &w.ca, nil
	}
	responder := mint(w.t, tmpl, by)
	id, err := devocsp.About(w.seal.Certificate, w.ca.Certificate)
	w.check(err)
	der, err := devocsp.Answer{ID: id, ProducedAt: now, ThisUpdate: now, NextUpdate: now.Add(year / 4), Certificate: responder.Certificate, Key: responder.Key}.Sign(responder.Certificate)
	w.check(err)
	return evidence.Values{OCSPs: [][]byte{der}}
}

func decoded(t testing.TB, text string) []byte {
	b, err := jose.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// retitled is an element under another name.
func retitled(t testing.TB, text, from, to string) string {
	return jose.Encode(bytes.Replace(decoded(t, text), []byte(from), []byte(to), 1))
}

// old is an authority before the first one, trusted as it.
func old(t testing.TB, a *archive) *devtsa.Authority {
	tsa, err := devtsa.New(devtsa.Options{Now: clock, NotBefore: now.Add(-2 * year), NotAfter: now.Add(year)})
	if err != nil {
		t.Fatal(err)
	}
	a.tsas = append(a.tsas, tsa)
	return tsa
}
