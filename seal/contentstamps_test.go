package seal_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// stampedContent is the payload of the tests.
const stampedContent = `{"a":1}`

// content is a content time-stamp over a text.
func (a *archive) content(tsa *devtsa.Authority, text string, at time.Time) []byte {
	h := crypto.SHA384.New()
	h.Write([]byte(text))
	token, err := tsa.Token(devtsa.Stamp{Hash: crypto.SHA384, Imprint: h.Sum(nil), Time: at, Accuracy: time.Second})
	a.check(err)
	return token
}

// encoded is the content as it stands in a compact token.
var encoded = jose.Encode([]byte(stampedContent))

// contentHeader is a header with content time-stamps.
func (a *archive) contentHeader(critical bool, iat time.Time, tokens ...[]byte) map[string]any {
	h := header(a.seal.Certificate)
	h["iat"] = iat.Unix()
	var all []any
	for _, t := range tokens {
		all = append(all, map[string]any{"val": base64.StdEncoding.EncodeToString(t)})
	}
	h["adoTst"] = map[string]any{"tstTokens": all}
	if critical {
		h["crit"] = []string{"adoTst"}
	}
	return h
}

// contentSealed is a compact token with content time-stamps.
func (a *archive) contentSealed(critical bool, iat time.Time, tokens ...[]byte) string {
	return sign(a.t, a.seal.Key, a.contentHeader(critical, iat, tokens...), stampedContent)
}

// outcomes are those of the checks of content time-stamps, with what they say.
func outcomes(v seal.Validation) (all []credential.Outcome, says string) {
	for _, c := range v.Checks {
		if c.Name == seal.CheckContentStamp {
			all = append(all, c.Outcome)
			if c.Outcome != credential.Passed {
				says += c.Detail + "\n"
			}
		}
	}
	return all, says
}

// Content time-stamps on compact tokens (TS 119 182-1, clause 5.2.6). Where adoTst is
// critical all of them must hold; else one that does not is told, and the seal is
// worth what it is without.
func TestContentTimeStamp(t *testing.T) {
	a := newArchive(t)
	w := &forger{archive: a, other: newArchive(t)}
	at := now.Add(time.Hour)
	tsa := a.tsas[0]
	made := func(from, to time.Time) *devtsa.Authority {
		tsa, err := devtsa.New(devtsa.Options{Now: clock, NotBefore: from, NotAfter: to})
		a.check(err)
		a.tsas = append(a.tsas, tsa)
		return tsa
	}
	gone1, gone2, gone3 := made(now.Add(-year), now.Add(year)), made(now.Add(-year), now.Add(year)), made(now.Add(-year), now.Add(-time.Minute))
	second := made(now.Add(-year), now.Add(year))
	ending, coming := made(now.Add(-year), at.Add(-time.Minute)), made(now.Add(time.Minute), now.Add(year))
	good := a.content(tsa, encoded, now)
	changed := bytes.Clone(good)
	changed[bytes.Index(changed, []byte(now.UTC().Format("20060102150405Z")))+3]--
	garbage := []byte{0x30, 0}
	notForStamps, otherTSA := w.notForStamps(), w.other.tsas[0]
	v := a.validator(at, gone(gone1.Chain[0], now.Add(-time.Hour)), gone(gone2.Chain[0], now.Add(time.Minute)))
	const something = "not of the payload as it stands"
	for name, tc := range map[string]struct {
		tokens [][]byte
		says   []string // of those that do not hold; empty of one that does
	}{
		"one":                               {[][]byte{good}, []string{""}},
		"two":                               {[][]byte{good, a.content(second, encoded, at)}, []string{"", ""}},
		"the same twice":                    {[][]byte{good, good}, []string{"", ""}},
		"eight":                             {slices.Repeat([][]byte{good}, 8), make([]string, 8)},
		"of another content":                {[][]byte{a.content(tsa, jose.Encode([]byte(`{"a":2}`)), now)}, []string{something}},
		"of the content, not encoded":       {[][]byte{a.content(tsa, stampedContent, now)}, []string{something}},
		"of nothing":                        {[][]byte{a.content(tsa, "", now)}, []string{something}},
		"two, the second of another":        {[][]byte{good, a.content(tsa, "another", now)}, []string{"", something}},
		"two, the first of another":         {[][]byte{a.content(tsa, "another", now), good}, []string{something, ""}},
		"authority not trusted":             {[][]byte{a.content(otherTSA, encoded, now)}, []string{"not issued by an authority trusted"}},
		"authority of seals":                {[][]byte{a.content(notForStamps, encoded, now)}, []string{"must be timeStamping"}},
		"authority revoked before":          {[][]byte{a.content(gone1, encoded, now)}, []string{"revocation of its authority is revoked"}},
		"authority revoked since":           {[][]byte{a.content(gone2, encoded, now)}, []string{"revocation of its authority is revoked"}},
		"authority expired before":          {[][]byte{a.content(gone3, encoded, now)}, []string{"not valid"}},
		"authority expired since":           {[][]byte{a.content(ending, encoded, now)}, []string{"before its certificate ran out"}},
		"authority not there yet":           {[][]byte{a.content(coming, encoded, now)}, []string{"not valid"}},
		"in the future":                     {[][]byte{a.content(tsa, encoded, at.Add(time.Hour))}, []string{"a time after"}},
		"token changed":                     {[][]byte{changed}, []string{"message-digest is not that of the content"}},
		"no token":                          {[][]byte{garbage}, []string{"not a well-formed time-stamp token"}},
		"a huge token":                      {[][]byte{append(bytes.Clone(good), make([]byte, tsp.MaxToken)...)}, []string{"longer than"}},
		"something behind it":               {[][]byte{append(bytes.Clone(good), 0)}, []string{"not a well-formed time-stamp token"}},
		"garbage, another's and a good one": {[][]byte{garbage, a.content(otherTSA, encoded, now), good}, []string{"not a well-formed", "not issued", ""}},
	} {
		for _, critical := range []bool{true, false} {
			got := validate(t, v, a.contentSealed(critical, now, tc.tokens...), at)
			bad := credential.Skipped
			if critical {
				bad = credential.Failed
			}
			fine := true
			var want []credential.Outcome
			found, says := outcomes(got)
			for _, word := range tc.says {
				if word == "" {
					want = append(want, credential.Passed)
					continue
				}
				fine, want = false, append(want, bad)
				if !strings.Contains(says, word) {
					t.Errorf("%s: no check says %q, but %s", name, word, says)
				}
			}
			if !slices.Equal(found, want) || len(got.ContentTimeStamps) != len(want) {
				t.Errorf("%s, critical %t: found %v, expected %v\n%s", name, critical, found, want, got.Checks)
			}
			for i, s := range got.ContentTimeStamps {
				if s.Kind != evidence.ContentTimeStamp || s.Accepted != (want[i] == credential.Passed) || s.Accepted != (s.Path != nil) {
					t.Errorf("%s: %+v", name, s)
				}
			}
			accepted := fine || !critical
			if (got.Err() == nil) != accepted || accepted && (got.Indication != seal.TotalPassed || got.Qualification != seal.AdESeal) ||
				!accepted && (got.Indication != seal.Indeterminate || got.SubIndication != seal.SigConstraintsFailure || got.Qualification != seal.NotApplicable) {
				t.Errorf("%s, critical %t: found %s %s %s\n%s", name, critical, got.Indication, got.SubIndication, got.Qualification, got.Checks)
			}
			// It says nothing of when the seal existed, and lifts no level.
			if got.Level != seal.BaselineB || !got.BestSignatureTime.Equal(at) || len(got.TimeStamps) != 0 || !got.StampBefore.IsZero() {
				t.Errorf("%s: %s at %s", name, got.Level, got.BestSignatureTime)
			}
		}
	}

	// What is wrong with the seal itself is told first; the content is not looked at
	// under a broken signature.
	for _, critical := range []bool{true, false} {
		v := *v
		v.Trust = storeOf(t)
		if got := validate(t, &v, a.contentSealed(critical, now, good), at); got.SubIndication != seal.NoCertificateChainFound || got.Err() == nil {
			t.Errorf("seal of nobody trusted: %s", got.SubIndication)
		}
	}
	broken := a.contentSealed(true, now, good)
	broken = broken[:strings.LastIndex(broken, ".")] + a.contentSealed(true, at, good)[strings.LastIndex(a.contentSealed(true, at, good), "."):]
	if got := validate(t, v, broken, at); got.SubIndication != seal.HashFailure || got.ContentTimeStamps != nil {
		t.Errorf("broken: %s, %v", got.SubIndication, got.ContentTimeStamps)
	}
	// Revocation of the authority that is unknown passes where the policy lets it.
	unknown := *v
	unknown.Revocation = nil
	if got := validate(t, &unknown, a.contentSealed(true, now, good), at); got.Err() == nil {
		t.Error("accepted without revocation")
	}
	unknown.InsecureAcceptUnknownRevocation = true
	if got := validate(t, &unknown, a.contentSealed(true, now, good), at); got.Err() != nil {
		t.Errorf("unknown is accepted: %v\n%s", got.Err(), got.Checks)
	}
	// Who cannot be asked ends the judgement.
	unknown.Revocation = unreachable{}
	if _, _, err := unknown.ValidateCompact(t.Context(), a.contentSealed(false, now, good), "dc+sd-jwt", at); err == nil {
		t.Error("judged although the question could not be asked")
	}
}

// With b64 false the content is stamped as it is, and not in base64url.
func TestContentTimeStampUnencoded(t *testing.T) {
	a := newArchive(t)
	at := now.Add(time.Hour)
	for text, ok := range map[string]bool{stampedContent: true, encoded: false} {
		h := a.contentHeader(true, now, a.content(a.tsas[0], text, now))
		h["b64"], h["crit"] = false, []string{"b64", "adoTst"}
		raw, err := jose.Marshal(h)
		a.check(err)
		protected := jose.Encode(raw)
		sig, err := jose.Sign(a.seal.Key, jose.ES256, []byte(protected+"."+stampedContent))
		a.check(err)
		f, err := evidence.Unencoded(protected, stampedContent, sig)
		a.check(err)
		got := judge(t, a.validator(at), f, at)
		if (got.Err() == nil) != ok || len(got.ContentTimeStamps) != 1 || got.ContentTimeStamps[0].Accepted != ok {
			t.Errorf("over %s: %v\n%s", text, got.Err(), got.Checks)
		}
	}
}

// contentLifted is evidence of a seal with content time-stamps.
func (a *archive) contentLifted(critical bool, tokens ...[]byte) *evidence.File {
	f, err := evidence.Lift(a.contentSealed(critical, now, tokens...))
	a.check(err)
	return f
}

// A content time-stamp is under the seal. It existed when the seal did, and need not
// be believed any longer than that; what says so is kept like the rest.
func TestContentTimeStampEvidence(t *testing.T) {
	a := newArchive(t)
	short, err := devtsa.New(devtsa.Options{Now: clock, NotBefore: now.Add(-year), NotAfter: now.Add(2 * time.Hour)})
	a.check(err)
	a.tsas = append(a.tsas, short)
	good := a.content(short, encoded, now.Add(-time.Minute))
	for _, critical := range []bool{true, false} {
		compact := a.contentSealed(critical, now, good)
		f, err := evidence.Lift(compact)
		a.check(err)
		// Alone it cannot be believed once its authority has gone.
		if got := judge(t, a.validator(now.Add(3*time.Hour)), f, now.Add(3*time.Hour)); (got.Err() == nil) == critical || got.ContentTimeStamps[0].Accepted {
			t.Errorf("critical %t: %v\n%s", critical, got.Err(), got.Checks)
		}
		a.check(a.archivist(0, now).Lift(t.Context(), f, seal.BaselineLTA))
		for at, alone := range map[time.Time]bool{now.Add(24 * time.Hour): true, now.Add(year): false} {
			v := a.validator(at)
			if alone {
				v.Revocation = nil
			}
			got := judge(t, v, f, at)
			if got.Err() != nil || got.Level != seal.BaselineLTA || !got.ContentTimeStamps[0].Accepted || !got.BestSignatureTime.Equal(now) || len(got.TimeStamps) != 2 {
				t.Errorf("critical %t: %s %v\n%s", critical, got.Level, got.Err(), got.Checks)
			}
		}

		// Without what says that its authority was not revoked the level is less, and
		// the seal holds while that is published.
		part := a.contentLifted(critical, good)
		a.stamp(part, evidence.SignatureTimeStamp, a.tsas[0], now)
		values := a.values(now.Add(time.Minute))
		values.CRLs = values.CRLs[:2] // of the seal's authority and of the first one
		a.check(part.AddValues(values))
		if got := judge(t, a.validator(now), part, now.Add(3*time.Hour)); got.Err() != nil || got.Level != seal.BaselineT {
			t.Errorf("values missing, critical %t: %s %v\n%s", critical, got.Level, got.Err(), got.Checks)
		}

		// Revoked since is no matter; revoked before is.
		full := a.contentLifted(critical, good)
		a.stamp(full, evidence.SignatureTimeStamp, a.tsas[0], now)
		later := now.Add(time.Hour)
		if got := judge(t, a.validator(later, gone(short.Chain[0], now.Add(time.Minute))), full, later); got.Err() != nil || !got.ContentTimeStamps[0].Accepted {
			t.Errorf("revoked since, critical %t: %v\n%s", critical, got.Err(), got.Checks)
		}
		if got := judge(t, a.validator(later, gone(short.Chain[0], now.Add(-time.Hour))), full, later); (got.Err() == nil) == critical || got.ContentTimeStamps[0].Accepted {
			t.Errorf("revoked before, critical %t: %v\n%s", critical, got.Err(), got.Checks)
		}
	}

	// One that does not hold is in the way of no evidence: it is made of the rest.
	older := old(t, a)
	revoked := a.contentLifted(false, good, []byte{0x30, 0}, a.content(newArchive(t).tsas[0], encoded, now), a.content(older, "another", now))
	a.check(a.archivist(0, now, gone(short.Chain[0], now.Add(-time.Hour))).Lift(t.Context(), revoked, seal.BaselineLTA))
	v := a.validator(now.Add(time.Hour), gone(short.Chain[0], now.Add(-time.Hour)))
	got := judge(t, v, revoked, now.Add(time.Hour))
	if found, _ := outcomes(got); got.Err() != nil || got.Level != seal.BaselineLTA || !slices.Equal(found, slices.Repeat([]credential.Outcome{credential.Skipped}, 4)) {
		t.Errorf("%s %v\n%s", got.Level, got.Err(), got.Checks)
	}

	if slices.ContainsFunc(revoked.Values().Certificates, older.Root.Equal) {
		t.Error("values for a time-stamp of something else are kept")
	}

	// In etsiU there are none, nor are they added.
	if err := revoked.AddTimeStamp(evidence.ContentTimeStamp, good); err == nil {
		t.Error("a content time-stamp was added afterwards")
	}
	if _, err := evidence.Parse(with(t, revoked, retitled(t, texts(revoked)[0], "sigTst", "adoTst"))); err == nil {
		t.Error("a content time-stamp in etsiU was read")
	}
}

// A time-stamp of the seal that is older than one of its content contradicts it,
// critical or not (EN 319 102-1, clause 5.5.4, step 4e). One of nobody known
// contradicts nothing.
func TestContentTimeStampOrder(t *testing.T) {
	a := newArchive(t)
	stranger := newArchive(t).tsas[0]
	at := now.Add(2 * time.Hour)
	for _, critical := range []bool{true, false} {
		for name, tc := range map[string]struct {
			token   []byte
			sub     seal.SubIndication
			outcome credential.Outcome
		}{
			"before":                         {a.content(a.tsas[0], encoded, now.Add(-time.Hour)), "", credential.Passed},
			"at the same time":               {a.content(a.tsas[0], encoded, now), "", credential.Passed},
			"after, as clocks may differ":    {a.content(a.tsas[0], encoded, now.Add(time.Minute)), "", credential.Passed},
			"after":                          {a.content(a.tsas[0], encoded, now.Add(time.Hour)), seal.TimestampOrderFailure, credential.Failed},
			"after, by nobody known":         {a.content(stranger, encoded, now.Add(time.Hour)), "", credential.Skipped},
			"after, of another content":      {a.content(a.tsas[0], "another", now.Add(time.Hour)), "", credential.Skipped},
			"after, and after our clock":     {a.content(a.tsas[0], encoded, at.Add(time.Hour)), seal.TimestampOrderFailure, credential.Failed},
			"after, by an authority to come": {a.content(a.tsas[2], encoded, now.Add(2*year)), seal.TimestampOrderFailure, credential.Failed},
		} {
			f := a.contentLifted(critical, tc.token)
			a.stamp(f, evidence.SignatureTimeStamp, a.tsas[0], now)
			got := judge(t, a.validator(at), f, at)
			sub, outcome := tc.sub, tc.outcome
			if critical && outcome == credential.Skipped {
				sub, outcome = seal.SigConstraintsFailure, credential.Failed
			}
			if found, _ := outcomes(got); got.SubIndication != sub || !slices.Equal(found, []credential.Outcome{outcome}) || (got.Err() == nil) != (sub == "") {
				t.Errorf("%s, critical %t: found %s %v %v\n%s", name, critical, got.SubIndication, found, got.Err(), got.Checks)
			}
		}
		// An archive time-stamp that is older contradicts it, too.
		f := a.contentLifted(critical, a.content(a.tsas[0], encoded, now.Add(time.Hour)))
		a.stamp(f, evidence.SignatureTimeStamp, stranger, now)
		a.check(f.AddValues(a.values(now)))
		a.stamp(f, evidence.ArchiveTimeStamp, a.tsas[0], now)
		if got := judge(t, a.validator(at), f, at); got.SubIndication != seal.TimestampOrderFailure {
			t.Errorf("archived before, critical %t: %s\n%s", critical, got.SubIndication, got.Checks)
		}
		// Revoked as well: that is told.
		if got := judge(t, a.validator(at, gone(a.seal.Certificate, now.Add(-time.Hour))), f, at); got.SubIndication != seal.RevokedNoPOE {
			t.Errorf("revoked, too: %s", got.SubIndication)
		}
	}
}

// A seal is younger than its content. Where that was stamped when the certificate had
// run out, had been revoked, or when an algorithm had ended, nothing mends it (EN 319
// 102-1, clause 5.3.4).
func TestYoungerThanItsContent(t *testing.T) {
	a := newArchive(t)
	stranger := newArchive(t).tsas[0]
	strong := a.anotherAuthority(elliptic.P384())
	end := a.seal.Certificate.NotAfter
	const open, never = seal.Indeterminate, seal.TotalFailed
	revokedAt := func(at time.Time) []x509.RevocationListEntry {
		return []x509.RevocationListEntry{gone(a.seal.Certificate, at)}
	}
	for name, tc := range map[string]struct {
		token   []byte
		at      time.Time
		revoked []x509.RevocationListEntry
		ind     seal.Indication
		sub     seal.SubIndication
	}{
		"stamped before it ran out":             {a.content(strong, encoded, end.Add(-time.Hour)), end.Add(time.Hour), nil, open, seal.OutOfBoundsNoPOE},
		"stamped after it ran out":              {a.content(strong, encoded, end.Add(time.Hour)), end.Add(2 * time.Hour), nil, never, seal.Expired},
		"stamped after, as clocks may differ":   {a.content(strong, encoded, end.Add(time.Minute)), end.Add(2 * time.Hour), nil, open, seal.OutOfBoundsNoPOE},
		"stamped after, by nobody known":        {a.content(stranger, encoded, end.Add(time.Hour)), end.Add(2 * time.Hour), nil, open, seal.OutOfBoundsNoPOE},
		"stamped after, of another content":     {a.content(strong, "another", end.Add(time.Hour)), end.Add(2 * time.Hour), nil, open, seal.OutOfBoundsNoPOE},
		"stamped before it was revoked":         {a.content(strong, encoded, now), now.Add(2 * time.Hour), revokedAt(now.Add(time.Hour)), open, seal.RevokedNoPOE},
		"stamped after it was revoked":          {a.content(strong, encoded, now.Add(time.Hour)), now.Add(2 * time.Hour), revokedAt(now), never, seal.Revoked},
		"revoked, stamped by nobody known":      {a.content(stranger, encoded, now.Add(time.Hour)), now.Add(2 * time.Hour), revokedAt(now), open, seal.RevokedNoPOE},
		"revoked, stamped, and run out":         {a.content(strong, encoded, end.Add(-time.Hour)), end.Add(time.Hour), revokedAt(now), never, seal.Revoked},
		"revoked after it was stamped, run out": {a.content(strong, encoded, now.Add(-time.Hour)), end.Add(time.Hour), revokedAt(now), open, seal.RevokedNoPOE},
	} {
		for _, critical := range []bool{true, false} {
			v := a.validator(tc.at, tc.revoked...)
			// Lists of the seal's authority from inside its validity, too.
			crls := v.Revocation.(*trust.CRLs)
			if tc.at.After(end) {
				list := trust.NewCRLs(nil, nil)
				a.check(list.Add(crl(t, a.ca.Certificate, a.ca.Key, end.Add(-time.Minute), tc.revoked...), a.ca.Certificate))
				if len(tc.revoked) > 0 {
					v.Revocation = trust.Sources{crls, list}
				}
			}
			got := validate(t, v, a.contentSealed(critical, now, tc.token), tc.at)
			if got.Indication != tc.ind || got.SubIndication != tc.sub || got.Err() == nil || got.Qualification != seal.NotApplicable {
				t.Errorf("%s, critical %t: found %s %s\n%s", name, critical, got.Indication, got.SubIndication, got.Checks)
			}
		}
	}

	// Of several the last one counts, in whatever order; and its accuracy does.
	at := now.Add(2 * time.Hour)
	early, late := a.content(strong, encoded, now.Add(-time.Hour)), a.content(strong, encoded, now.Add(time.Minute+2*time.Second))
	for _, tokens := range [][][]byte{{early, late}, {late, early}} {
		if got := validate(t, a.validator(at, revokedAt(now)...), a.contentSealed(false, now, tokens...), at); got.SubIndication != seal.Revoked {
			t.Errorf("early and late: found %s\n%s", got.SubIndication, got.Checks)
		}
	}
	within := a.content(strong, encoded, now.Add(time.Minute+time.Second)) // a second is its accuracy
	if got := validate(t, a.validator(at, revokedAt(now)...), a.contentSealed(false, now, within), at); got.SubIndication != seal.RevokedNoPOE {
		t.Errorf("by less than its accuracy: found %s", got.SubIndication)
	}

	// P-256 ends, and with it the seal; one over a content stamped since is younger.
	ended := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	at = ended.Add(48 * time.Hour)
	for stampedAt, want := range map[time.Time]seal.SubIndication{
		ended.Add(-time.Hour): seal.CryptoConstraintsNoPOE, ended.Add(time.Hour): seal.CryptoConstraintsFailure,
	} {
		v := a.validator(at)
		v.Suite = suite(t, "", "2026-12-01")
		if got := validate(t, v, a.contentSealed(true, now, a.content(strong, encoded, stampedAt)), at); got.SubIndication != want {
			t.Errorf("stamped at %s: found %s\n%s", stampedAt, got.SubIndication, got.Checks)
		}
	}
}

// The content time-stamps of seals of others hold: those of EU DSS and of Europass,
// whose payload stands in JSON as it is, and whose adoTst is critical. One is of an
// authority that nobody issued, which is refused like everywhere.
func TestContentTimeStampSamples(t *testing.T) {
	const passed, failed = credential.Passed, credential.Failed
	for name, want := range map[string][]credential.Outcome{
		"jades/samples/jades-b-copied-cnttst.json":         {passed, passed},
		"jades/samples/jades-t-copied-sigtst.json":         {passed},
		"jades/edc/edc-signed-jades-baseline-lta.json":     {failed},
		"elm/samples/elm3-Sample-CertOfPart-signed.jsonld": {passed},
		"elm/samples/elm3-Sample-MC-Annex1-signed.jsonld":  {passed},
	} {
		folder, file, _ := strings.Cut(name, "/")
		text := bytes.TrimSpace(testvectors.File(t, folder, filepath.FromSlash(file)))
		var anchors []*x509.Certificate
		validated := func() seal.Validation {
			store, err := trust.NewStore(trust.Anchors{trust.UseTimeStamp: anchors}, 0)
			a := archive{t: t}
			a.check(err)
			v := &seal.Validator{Trust: store, SkipProviderList: true, InsecureAcceptUnknownRevocation: true, Algs: []jose.Alg{jose.RS256}}
			var h jades.Header
			var got seal.Validation
			if f, err := evidence.Parse(text); err == nil {
				h = f.Header()
				got = judge(t, v, f, h.SigT.Add(time.Minute))
			} else {
				tok, err := jose.Parse(string(text))
				a.check(err)
				h, err = jades.ParseHeader(tok)
				a.check(err)
				got, err = v.Validate(t.Context(), tok, h.SigT.Add(time.Minute))
				a.check(err)
			}
			for _, der := range h.ContentTimeStamps {
				anchors = append(anchors, top(t, der))
			}
			return got
		}
		got := validated()
		if found, says := outcomes(got); !slices.Equal(found, slices.Repeat([]credential.Outcome{failed}, len(want))) || !strings.Contains(says, "certificate") {
			t.Errorf("%s, nobody trusted: %v %s", name, found, says)
		}
		got = validated()
		if found, says := outcomes(got); !slices.Equal(found, want) {
			t.Errorf("%s: %v %s", name, found, says)
		}
		if slices.Contains(got.Checks.Failures(), seal.CheckAttributes) {
			t.Errorf("%s\n%s", name, got.Checks)
		}
	}
}

// top is the certificate of a token that nobody in it issued but itself.
func top(t testing.TB, der []byte) *x509.Certificate {
	token, err := tsp.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range token.Certificates {
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			return c
		}
	}
	t.Fatal("no certificate at the top")
	return nil
}
