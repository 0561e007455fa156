package did

import (
	"crypto"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// host serves a profile as the platform does.
func host(t testing.TB, p Profile) site {
	t.Helper()
	webid, err := p.JSONLD()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := p.DIDDocument().JSON()
	if err != nil {
		t.Fatal(err)
	}
	s := site{p.WebID: {body: string(webid)}, DIDDocumentURL(p.WebID): {body: string(doc)}}
	if p.LinkProof != "" {
		s[LinkProofURL(p.WebID)] = answer{body: p.LinkProof}
	}
	return s
}

func at(t time.Time) Option { return Clock(func() time.Time { return t }) }

func TestVerifyLinkFromBothSides(t *testing.T) {
	c := newCitizen(t).rotated(t, testNow.Add(time.Hour))
	now := testNow.Add(2 * time.Hour)
	for _, id := range []string{testWebID, testDID} {
		r, err := VerifyLink(ctx, id, host(t, c.Profile), at(now))
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != Active || !r.Checks.OK(RuleMapping, RuleDocuments, RuleReciprocal, RuleKeys, RuleProof, RuleState) {
			t.Errorf("from %s: %s", id, r.Checks)
		}
		if r.WebID != testWebID || r.DID != testDID || r.OIDCIssuer != testOP || r.Storage != testPod {
			t.Errorf("from %s: %+v", id, r)
		}
		if len(r.Keys) != 1 || !c.key.PublicKey.Equal(r.Keys["key-2"]) || !c.enc.PublicKey.Equal(r.Encryption) || r.Proof.KeyID != testDID+"#key-2" {
			t.Errorf("from %s: keys %v, proof %+v", id, r.Keys, r.Proof)
		}
	}
}

func TestVerifyLinkLoopback(t *testing.T) {
	key := newKey(t)
	const webid = "http://localhost:8080/profiles/" + testUUID
	proof, err := NewLinkProof(key, 1, webid, nil, testNow, time.Hour, InsecureLoopback())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Create(Creation{WebID: webid, Key: &key.PublicKey, OIDCIssuer: "http://localhost:8081/", Storage: "http://localhost:3055/a/", LinkProof: proof}, testNow, InsecureLoopback())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := VerifyLink(ctx, p.DID, host(t, p), at(testNow), InsecureLoopback()); err != nil || r.Status != Active {
		t.Errorf("%v: %s", err, r.Checks)
	}
	if r, err := VerifyLink(ctx, p.WebID, unreachable{t}, at(testNow)); err != nil || r.Status != "" || !reflect.DeepEqual(r.Checks.Failures(), []string{RuleMapping}) {
		t.Errorf("outside development: %v: %s", err, r.Checks)
	}
}

func TestVerifyLinkDeactivatedAndDeleted(t *testing.T) {
	c := newCitizen(t)
	off, err := c.Deactivate(testNow)
	if err != nil {
		t.Fatal(err)
	}
	noProvider := host(t, c.Profile)
	noProvider[testWebID] = answer{body: strings.Replace(noProvider[testWebID].body, `"oidcIssuer":"`+testOP+`",`, "", 1)}
	gone := site{testWebID: {code: 410}, DIDDocumentURL(testWebID): {code: 410}, LinkProofURL(testWebID): {code: 410}}
	for name, c := range map[string]struct {
		site     site
		status   Status
		required []string
	}{
		"deactivated":        {host(t, off), Deactivated, []string{RuleMapping, RuleDocuments, RuleReciprocal, RuleKeys, RuleState}},
		"no OpenID provider": {noProvider, Deactivated, []string{RuleKeys, RuleState}},
		"deleted":            {gone, Deleted, []string{RuleMapping, RuleDeletion}},
	} {
		for _, id := range []string{testWebID, testDID} {
			r, err := VerifyLink(ctx, id, c.site, at(testNow))
			if err != nil || r.Status != c.status || !r.Checks.OK(c.required...) {
				t.Errorf("%s: %v, %q: %s", name, err, r.Status, r.Checks)
			}
			if r.Keys != nil || r.Encryption != nil || r.OIDCIssuer != "" {
				t.Errorf("%s: usable %+v", name, r)
			}
		}
	}
}

func TestVerifyLinkRefusals(t *testing.T) {
	c := newCitizen(t)
	thief := newKey(t)
	const did = testWebID + "/did.json"
	const link = testWebID + "/link.jwt"
	const other = "7c3e4b52-5a3f-4e0b-9d0c-1f2e3d4c5b6b"
	enc := &c.enc.PublicKey
	thiefKey, _ := EncodeMultikey(&thief.PublicKey)
	replace := func(url, old, new string) func(site) {
		return func(s site) {
			if !strings.Contains(s[url].body, old) {
				t.Fatalf("%q is not in the document at %s", old, url)
			}
			s[url] = answer{body: strings.ReplaceAll(s[url].body, old, new)}
		}
	}
	put := func(url string, a answer) func(site) { return func(s site) { s[url] = a } }
	both := func(changes ...func(site)) func(site) {
		return func(s site) {
			for _, f := range changes {
				f(s)
			}
		}
	}
	revoked := `","revoked":"2026-11-23T00:00:00Z"}`
	key1 := c.Keys[0].Multikey
	for name, x := range map[string]struct {
		change func(site)
		rule   string
	}{
		"WebID 404":                       {put(testWebID, answer{code: 404}), RuleDocuments},
		"DID document 404":                {put(did, answer{code: 404}), RuleDocuments},
		"WebID redirected":                {put(testWebID, answer{code: 303}), RuleDocuments},
		"WebID is not JSON":               {put(testWebID, answer{body: string(c.Turtle())}), RuleDocuments},
		"WebID document has a DID as id":  {replace(testWebID, `"id":"`+testWebID+`"`, `"id":"`+testDID+`"`), RuleDocuments},
		"WebID document has another id":   {replace(testWebID, testUUID, other), RuleDocuments},
		"DID document has another id":     {replace(did, testUUID, other), RuleDocuments},
		"another context":                 {replace(testWebID, "https://www.w3.org/ns/cid/v1", "https://www.w3.org/ns/did/v1"), RuleDocuments},
		"a term means something else":     {replace(testWebID, `"@id":"solid:oidcIssuer"`, `"@id":"solid:storage"`), RuleDocuments},
		"document too large":              {put(did, answer{body: `{"id":"` + testDID + `","x":"` + strings.Repeat("a", MaxDocument) + `"}`}), RuleDocuments},
		"private key in the document":     {replace(did, `"type":"Multikey",`, `"type":"Multikey","secretKeyMultibase":"z",`), RuleDocuments},
		"provider over plain http":        {replace(testWebID, testOP, "http://op.vault.example/"), RuleDocuments},
		"WebID does not name the DID":     {replace(testWebID, `"alsoKnownAs":["`+testDID+`"]`, `"alsoKnownAs":[]`), RuleReciprocal},
		"DID does not name the WebID":     {replace(did, `"alsoKnownAs":["`+testWebID+`"]`, `"alsoKnownAs":[]`), RuleReciprocal},
		"DID names another WebID":         {replace(did, `"alsoKnownAs":["`+testWebID+`"]`, `"alsoKnownAs":["`+testWebID[:len(testWebID)-1]+`b"]`), RuleReciprocal},
		"DID names a second WebID":        {replace(did, `"alsoKnownAs":["`+testWebID+`"]`, `"alsoKnownAs":["`+testWebID+`","https://a.example/"]`), RuleReciprocal},
		"WebID names a second did:web":    {replace(testWebID, `"alsoKnownAs":["`+testDID+`"]`, `"alsoKnownAs":["`+testDID+`","did:web:a.example"]`), RuleReciprocal},
		"other bytes in the WebID":        {replace(testWebID, key1, thiefKey), RuleKeys},
		"other bytes in the DID document": {replace(did, key1, thiefKey), RuleKeys},
		"revoked in one":                  {replace(did, key1+`"}`, key1+revoked), RuleKeys},
		"not listed in one":               {replace(testWebID, `"assertionMethod":["`+testWebID+`#key-1"],`, ``), RuleKeys},
		"other fragment":                  {replace(did, `#key-1`, `#key-9`), RuleKeys},
		"one more in one": {replace(did, `"assertionMethod":[`, `"assertionMethod":[{"id":"#key-0","type":"Multikey","controller":"`+testDID+
			`","publicKeyMultibase":"`+thiefKey+`"},`), RuleKeys},
		"foreign controller":          {both(replace(did, `"controller":"`+testDID, `"controller":"did:web:a.example`), replace(testWebID, `"controller":"`+testWebID, `"controller":"https://a.example/`)), RuleKeys},
		"listed but not there":        {replace(did, `"assertionMethod":[`, `"assertionMethod":["#key-7",`), RuleKeys},
		"not a key":                   {both(replace(did, key1, "zAAAA"), replace(testWebID, key1, "zAAAA")), RuleKeys},
		"a JWK instead of a Multikey": {both(replace(did, `"type":"Multikey","controller":"`+testDID+`","publicKeyMultibase":"`+key1+`"`, `"type":"JsonWebKey","controller":"`+testDID+`","publicKeyJwk":{`+jwkC+`}`)), RuleKeys},
		"no link service":             {replace(did, `"WebIDLink"`, `"Other"`), RuleProof},
		"link elsewhere":              {replace(did, link, "https://a.example/link.jwt"), RuleProof},
		"two link services":           {replace(did, `"service":[`, `"service":[{"id":"#x","type":"WebIDLink","serviceEndpoint":"https://a.example/"},`), RuleProof},
		"no proof":                    {put(link, answer{code: 404}), RuleProof},
		"proof gone":                  {put(link, answer{code: 410}), RuleProof},
		"proof empty":                 {put(link, answer{body: ""}), RuleProof},
		"proof by another":            {put(link, answer{body: linkProof(t, thief, 1, enc, testNow)}), RuleProof},
		"proof by an unknown kid":     {put(link, answer{body: linkProof(t, c.key, 2, enc, testNow)}), RuleProof},
		"proof is a rotation":         {put(link, answer{body: rotationProof(t, c.key, 1, &thief.PublicKey, testNow)}), RuleProof},
		"proof expired":               {put(link, answer{body: linkProof(t, c.key, 1, enc, testNow.Add(-MaxLinkProof))}), RuleProof},
		// The platform replaces the key in both documents: only the citizen's
		// own word is missing.
		"the platform swaps the keys": {both(replace(did, key1, thiefKey), replace(testWebID, key1, thiefKey)), RuleProof},
		"only the WebID is gone":      {put(testWebID, answer{code: 410}), RuleDeletion},
		"only the DID is gone":        {put(did, answer{code: 410}), RuleDeletion},
		"DID gone, WebID 404":         {both(put(did, answer{code: 410}), put(testWebID, answer{code: 404})), RuleDeletion},
	} {
		t.Run(name, func(t *testing.T) {
			s := host(t, c.Profile)
			x.change(s)
			for _, id := range []string{testWebID, testDID} {
				r, err := VerifyLink(ctx, id, s, at(testNow))
				if err != nil {
					t.Fatalf("could not check: %v", err)
				}
				if got := r.Checks.Failures(); !reflect.DeepEqual(got, []string{x.rule}) || r.Status != "" || r.Keys != nil {
					t.Errorf("from %.4s: failed %v, status %q, expected %s\n%s", id, got, r.Status, x.rule, r.Checks)
				}
				for _, check := range r.Checks {
					if strings.Contains(check.Detail, testUUID) || strings.Contains(check.Detail, key1) {
						t.Errorf("the report names the citizen: %s", check.Detail)
					}
				}
			}
		})
	}
	for name, id := range map[string]string{
		"fragment WebID": testWebID + "#me", "plain http": "http" + testWebID[5:], "did:key": "did:key:" + exampleKey, "other path": "did:web:a.example", "nothing": "",
	} {
		r, err := VerifyLink(ctx, id, unreachable{t}, at(testNow))
		if err != nil || r.Checks.OK() || !reflect.DeepEqual(r.Checks.Failures(), []string{RuleMapping}) {
			t.Errorf("%s: %v, %s", name, err, r.Checks)
		}
	}
}

func TestVerifyLinkSaysWhenItCouldNotCheck(t *testing.T) {
	c := newCitizen(t)
	down := errors.New("no route")
	for _, url := range []string{testWebID, DIDDocumentURL(testWebID), LinkProofURL(testWebID)} {
		for _, a := range []answer{{err: down}, {code: 500}, {code: 503}, {code: 429}} {
			s := host(t, c.Profile)
			s[url] = a
			r, err := VerifyLink(ctx, testWebID, s, at(testNow))
			if err == nil || r.Status != "" {
				t.Errorf("%s: status %q, %v", url, r.Status, err)
			}
		}
	}
}

func TestEncryptionKeyCountsOnlyIfTheCitizenNamedIt(t *testing.T) {
	c := newCitizen(t)
	thief := newKey(t)
	thiefKey, _ := EncodeMultikey(&thief.PublicKey)
	s := host(t, c.Profile)
	for _, url := range []string{testWebID, DIDDocumentURL(testWebID)} {
		s[url] = answer{body: strings.ReplaceAll(s[url].body, c.EncryptionKeys[0].Multikey, thiefKey)}
	}
	r, err := VerifyLink(ctx, testWebID, s, at(testNow))
	if err != nil || r.Status != Active || r.Encryption != nil {
		t.Errorf("%v: the platform swapped the encryption key: %v", err, r.Encryption)
	}
}

func TestContinuity(t *testing.T) {
	c1 := newCitizen(t)
	c2 := c1.rotated(t, testNow.Add(time.Hour))
	c3 := c2.rotated(t, testNow.Add(2*time.Hour))
	read := func(p Profile) (*Document, []string) {
		b, err := p.DIDDocument().JSON()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := ParseDocument(b)
		if err != nil {
			t.Fatal(err)
		}
		log, err := p.RotationLog()
		if err != nil {
			t.Fatal(err)
		}
		rotations, err := ParseRotationLog(log)
		if err != nil {
			t.Fatal(err)
		}
		return doc, rotations
	}
	for _, p := range []Profile{c1.Profile, c2.Profile, c3.Profile} {
		doc, rotations := read(p)
		if err := VerifyContinuity(doc, rotations); err != nil {
			t.Errorf("%d keys: %v", len(p.Keys), err)
		}
	}
	thief := newKey(t)
	thiefKey, _ := EncodeMultikey(&thief.PublicKey)
	doc, rotations := read(c3.Profile)
	for name, change := range map[string]func(d *Document, r []string) []string{
		"one rotation missing": func(_ *Document, r []string) []string { return r[:1] },
		"none":                 func(_ *Document, r []string) []string { return nil },
		"swapped":              func(_ *Document, r []string) []string { return []string{r[1], r[0]} },
		"repeated":             func(_ *Document, r []string) []string { return []string{r[0], r[0]} },
		"another last key": func(d *Document, r []string) []string {
			d.VerificationMethod[2].PublicKeyMultibase = thiefKey
			return r
		},
		"another first key": func(d *Document, r []string) []string {
			d.VerificationMethod[0].PublicKeyMultibase = thiefKey
			return r
		},
		"a key left out": func(d *Document, r []string) []string {
			d.VerificationMethod = append(d.VerificationMethod[:1:1], d.VerificationMethod[2:]...)
			return r[:1]
		},
		"old key not revoked": func(d *Document, r []string) []string { d.VerificationMethod[0].Revoked = time.Time{}; return r },
		"revoked before":      func(d *Document, r []string) []string { d.VerificationMethod[1].Revoked = testNow; return r },
	} {
		d := *doc
		d.VerificationMethod = append([]VerificationMethod{}, doc.VerificationMethod...)
		if err := VerifyContinuity(&d, change(&d, append([]string{}, rotations...))); err == nil {
			t.Errorf("%s: holds", name)
		}
	}
	if _, err := ParseRotationLog([]byte(`{"rotations":[],"x":1}`)); !errors.Is(err, ErrHistory) {
		t.Errorf("unknown member: %v", err)
	}
}

func TestHistory(t *testing.T) {
	c := newCitizen(t)
	v1 := FirstVersion(c.Profile)
	c2 := c.rotated(t, testNow.Add(time.Hour))
	v2, err := v1.Next(c2.Profile, Rotated)
	if err != nil {
		t.Fatal(err)
	}
	off, err := c2.Deactivate(testNow.Add(2 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	v3, err := v2.Next(off, WasDeactivated)
	if err != nil {
		t.Fatal(err)
	}
	head, err := v3.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyHistory([]Version{v1, v2, v3}, head); err != nil {
		t.Fatal(err)
	}
	thief := newKey(t)
	thiefKey, _ := EncodeMultikey(&thief.PublicKey)
	with := func(v Version, change func(*Version)) Version {
		v.Profile.Keys = append([]Key{}, v.Profile.Keys...)
		change(&v)
		return v
	}
	rehash := func(v Version, previous Version) Version {
		v.Previous, _ = previous.Hash()
		return v
	}
	changed := with(v2, func(v *Version) { v.Profile.Keys[1].Multikey = thiefKey })
	for name, h := range map[string][]Version{
		"empty":             {},
		"cut at the end":    {v1, v2},
		"cut at the start":  {v2, v3},
		"gap":               {v1, v3},
		"order":             {v2, v1, v3},
		"changed version":   {v1, changed, v3},
		"changed first":     {with(v1, func(v *Version) { v.At = v.At.Add(time.Second) }), v2, v3},
		"changed last":      {v1, v2, with(v3, func(v *Version) { v.Profile.Status = Active })},
		"rehashed after it": {v1, changed, rehash(v3, changed)},
	} {
		if err := VerifyHistory(h, head); !errors.Is(err, ErrHistory) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Rewritten with fresh hashes and a fresh head, so that only the rules of
	// what may follow stand in the way.
	for name, last := range map[string]Version{
		"key changed":       rehash(with(v3, func(v *Version) { v.Profile.Keys[0].Multikey = thiefKey }), v2),
		"key taken away":    rehash(with(v3, func(v *Version) { v.Profile.Keys = v.Profile.Keys[1:] }), v2),
		"key unrevoked":     rehash(with(v3, func(v *Version) { v.Profile.Keys[0].Revoked = time.Time{} }), v2),
		"another WebID":     rehash(with(v3, func(v *Version) { v.Profile.WebID = "https://id.vault.example/" }), v2),
		"time runs back":    rehash(with(v3, func(v *Version) { v.At = testNow }), v2),
		"created once more": rehash(with(v3, func(v *Version) { v.Change = Created }), v2),
	} {
		hash, err := last.Hash()
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyHistory([]Version{v1, v2, last}, hash); !errors.Is(err, ErrHistory) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each kind of key that a profile may have goes all the way.
func TestEd25519Profile(t *testing.T) {
	signer := newEd25519(t)
	p, err := Create(Creation{WebID: testWebID, Key: signer.Public(), OIDCIssuer: testOP, LinkProof: linkProof(t, signer, 1, nil, testNow)}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	r, err := VerifyLink(ctx, testDID, host(t, p), at(testNow))
	if err != nil || r.Status != Active {
		t.Errorf("%v: %s", err, r.Checks)
	}
	if pub, ok := r.Keys["key-1"].(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(signer.Public()) {
		t.Error("key differs")
	}
}
