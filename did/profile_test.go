package did

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

const (
	testUUID  = "7c3e4b52-5a3f-4e0b-9d0c-1f2e3d4c5b6a"
	testWebID = "https://id.vault.example/profiles/" + testUUID
	testDID   = "did:web:id.vault.example:profiles:" + testUUID
	testOP    = "https://op.vault.example/"
	testPod   = "https://pod.vault.example/91ab/"
)

var testNow = time.Date(2026, 11, 23, 12, 58, 44, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func linkProof(t testing.TB, signer crypto.Signer, n int, enc crypto.PublicKey, at time.Time) string {
	t.Helper()
	proof, err := NewLinkProof(signer, n, testWebID, enc, at, MaxLinkProof)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func rotationProof(t testing.TB, signer crypto.Signer, n int, next crypto.PublicKey, at time.Time) string {
	t.Helper()
	proof, err := NewRotationProof(signer, n, testWebID, next, at)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// citizen is a profile with the keys that the citizen holds.
type citizen struct {
	Profile
	key, enc *ecdsa.PrivateKey
}

func newCitizen(t testing.TB) citizen {
	t.Helper()
	return citizenWith(t, newKey(t), newKey(t))
}

func citizenWith(t testing.TB, key, enc *ecdsa.PrivateKey) citizen {
	t.Helper()
	c := citizen{key: key, enc: enc}
	p, err := Create(Creation{
		WebID: testWebID, Key: &c.key.PublicKey, Encryption: &c.enc.PublicKey, OIDCIssuer: testOP, Storage: testPod,
		LinkProof: linkProof(t, c.key, 1, &c.enc.PublicKey, testNow),
	}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	c.Profile = p
	return c
}

func (c citizen) rotated(t testing.TB, at time.Time) citizen {
	t.Helper()
	next := newKey(t)
	n := len(c.Keys)
	p, err := c.Rotate(Rotation{
		Key: &next.PublicKey, RotationProof: rotationProof(t, c.key, n, &next.PublicKey, at),
		LinkProof: linkProof(t, next, n+1, &c.enc.PublicKey, at),
	}, at)
	if err != nil {
		t.Fatal(err)
	}
	return citizen{Profile: p, key: next, enc: c.enc}
}

func TestMappingIsABijection(t *testing.T) {
	for _, c := range []struct {
		webid, did string
		options    []Option
	}{
		{testWebID, testDID, nil},
		{"https://id.vault.example:8443/profiles/" + testUUID, "did:web:id.vault.example%3A8443:profiles:" + testUUID, nil},
		{"http://localhost:8080/profiles/" + testUUID, "did:web:localhost%3A8080:profiles:" + testUUID, []Option{InsecureLoopback()}},
		{"https://localhost:8080/profiles/" + testUUID, "did:web:localhost%3A8080:profiles:" + testUUID, nil},
	} {
		if did, err := DIDOf(c.webid, c.options...); err != nil || did != c.did {
			t.Errorf("DIDOf(%s) = %s, %v", c.webid, did, err)
		}
		if webid, err := WebIDFromDID(c.did, c.options...); err != nil || webid != c.webid {
			t.Errorf("WebIDFromDID(%s) = %s, %v", c.did, webid, err)
		}
		if url, err := WebURL(c.did, c.options...); err != nil || url != DIDDocumentURL(c.webid) {
			t.Errorf("the document of %s is at %s, %v", c.did, url, err)
		}
		base := c.webid[:strings.Index(c.webid, "/profiles/")]
		for _, b := range []string{base, base + "/"} {
			if webid, err := WebIDOf(b, testUUID, c.options...); err != nil || webid != c.webid {
				t.Errorf("WebIDOf(%s) = %s, %v", b, webid, err)
			}
		}
	}
}

func TestMappingRefusals(t *testing.T) {
	const path = "/profiles/" + testUUID
	for name, webid := range map[string]string{
		"fragment":          testWebID + "#me",
		"empty fragment":    testWebID + "#",
		"query":             testWebID + "?a",
		"trailing slash":    testWebID + "/",
		"deeper":            testWebID + "/card",
		"plain http":        "http://id.vault.example" + path,
		"loopback http":     "http://localhost:8080" + path,
		"other scheme":      "ftp://id.vault.example" + path,
		"no scheme":         "//id.vault.example" + path,
		"user information":  "https://a@id.vault.example" + path,
		"IPv4":              "https://127.0.0.1" + path,
		"IPv6":              "https://[::1]" + path,
		"upper-case host":   "https://ID.vault.example" + path,
		"default port":      "https://id.vault.example:443" + path,
		"empty port":        "https://id.vault.example:" + path,
		"two ports":         "https://id.vault.example:80:80" + path,
		"no host":           "https://" + path,
		"other folder":      "https://id.vault.example/people/" + testUUID,
		"no uuid":           "https://id.vault.example/profiles/",
		"upper-case uuid":   "https://id.vault.example/profiles/" + strings.ToUpper(testUUID),
		"version 1 uuid":    "https://id.vault.example/profiles/7c3e4b52-5a3f-1e0b-9d0c-1f2e3d4c5b6a",
		"wrong variant":     "https://id.vault.example/profiles/7c3e4b52-5a3f-4e0b-0d0c-1f2e3d4c5b6a",
		"no hyphens":        "https://id.vault.example/profiles/7c3e4b525a3f4e0b9d0c1f2e3d4c5b6a",
		"dots":              "https://id.vault.example/profiles/../profiles/" + testUUID,
		"percent-encoding":  "https://id.vault.example/profiles/%37" + testUUID[1:],
		"double slash":      "https://id.vault.example//profiles/" + testUUID,
		"backslash":         `https://id.vault.example\profiles\` + testUUID,
		"the DID":           testDID,
		"leading white":     " " + testWebID,
		"trailing newline":  testWebID + "\n",
		"scheme upper-case": "HTTPS" + testWebID[5:],
	} {
		if did, err := DIDOf(webid); !errors.Is(err, ErrWebID) {
			t.Errorf("%s: %q, %v", name, did, err)
		}
	}
	for name, did := range map[string]string{
		"no path":         "did:web:id.vault.example",
		"other folder":    "did:web:id.vault.example:people:" + testUUID,
		"deeper":          testDID + ":card",
		"no uuid":         "did:web:id.vault.example:profiles:a",
		"default port":    "did:web:id.vault.example%3A443:profiles:" + testUUID,
		"upper-case uuid": "did:web:id.vault.example:profiles:" + strings.ToUpper(testUUID),
		"DID URL":         testDID + "#key-1",
		"did:key":         "did:key:" + exampleKey,
	} {
		if webid, err := WebIDFromDID(did); err == nil {
			t.Errorf("%s: %q", name, webid)
		}
	}
	if _, err := DIDOf("https://localhost:8080"+path, InsecureLoopback()); err == nil {
		t.Error("in development localhost has two addresses")
	}
	if _, err := DIDOf("http://example.com"+path, InsecureLoopback()); err == nil {
		t.Error("in development plain http is allowed beyond localhost")
	}
}

func TestLifecycle(t *testing.T) {
	c := newCitizen(t)
	if c.DID != testDID || c.Status != Active || c.Keys[0].Fragment != "key-1" || c.EncryptionKeys[0].Fragment != "enc-1" {
		t.Fatalf("created %+v", c.Profile)
	}
	before := c.Profile
	at := testNow.Add(time.Hour)
	c2 := c.rotated(t, at)
	if !reflect.DeepEqual(before, c.Profile) {
		t.Error("a transition changed the profile it started from")
	}
	if len(c2.Keys) != 2 || !c2.Keys[0].Revoked.Equal(at) || !c2.Keys[1].Revoked.IsZero() || len(c2.Rotations) != 1 {
		t.Errorf("rotated %+v", c2.Profile)
	}
	doc := c2.DIDDocument()
	if _, err := doc.Method(testDID+"#key-1", AssertionMethod, at); err == nil {
		t.Error("the old key is still listed")
	}
	if pub, err := doc.Method(testDID+"#key-2", Authentication, at); err != nil || !c2.key.PublicKey.Equal(pub) {
		t.Errorf("the new key: %v", err)
	}
	if pub, err := doc.Method(testDID+"#enc-1", KeyAgreement, at); err != nil || !c2.enc.PublicKey.Equal(pub) {
		t.Errorf("the encryption key: %v", err)
	}

	off, err := c2.Deactivate(at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	doc = off.DIDDocument()
	if off.OIDCIssuer+off.Storage+off.LinkProof != "" || len(doc.AssertionMethod)+len(doc.Authentication)+len(doc.KeyAgreement) != 0 ||
		len(doc.VerificationMethod) != 3 || serviceEndpoints(doc, ServiceLink) != nil {
		t.Errorf("deactivated %+v", doc)
	}
	late := at.Add(2 * time.Hour)
	if _, err := off.Reactivate(testOP, testPod, linkProof(t, c2.key, 2, &c.enc.PublicKey, at), late); !errors.Is(err, ErrProof) {
		t.Errorf("reactivated with a link proof from before: %v", err)
	}
	on, err := off.Reactivate(testOP, "", linkProof(t, c2.key, 2, &c.enc.PublicKey, late), late)
	if err != nil || on.Status != Active {
		t.Fatalf("reactivating: %v", err)
	}
	tomb := on.Delete(late)
	if tomb.Hash != HashUUID(testUUID) || strings.Contains(tomb.Hash, testUUID) || !tomb.DeletedAt.Equal(late) {
		t.Errorf("tombstone %+v", tomb)
	}
	for name, err := range map[string]error{
		"rotate":            second2(off.Rotate(Rotation{}, late)),
		"rotate encryption": second2(off.RotateEncryption(&c.enc.PublicKey, "", late)),
		"renew":             second2(off.Renew("", late)),
		"move":              second2(off.Move(testOP, testPod, "", late)),
		"deactivate":        second2(off.Deactivate(late)),
		"reactivate active": second2(on.Reactivate(testOP, testPod, "", late)),
	} {
		if !errors.Is(err, ErrStatus) {
			t.Errorf("%s: %v, expected ErrStatus", name, err)
		}
	}
}

func TestCreateRefusals(t *testing.T) {
	key, enc, other := newKey(t), newKey(t), newKey(t)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	edPub, _, _ := ed25519.GenerateKey(rand.Reader)
	good := Creation{
		WebID: testWebID, Key: &key.PublicKey, Encryption: &enc.PublicKey, OIDCIssuer: testOP, Storage: testPod,
		LinkProof: linkProof(t, key, 1, &enc.PublicKey, testNow),
	}
	if _, err := Create(good, testNow); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Creation){
		"fragment WebID":          func(c *Creation) { c.WebID += "#me" },
		"no provider":             func(c *Creation) { c.OIDCIssuer = "" },
		"http provider":           func(c *Creation) { c.OIDCIssuer = "http://op.vault.example/" },
		"Turtle in the provider":  func(c *Creation) { c.OIDCIssuer = "https://op.vault.example/> ; a <x" },
		"line break":              func(c *Creation) { c.OIDCIssuer = "https://op.vault.example/\n" },
		"storage no container":    func(c *Creation) { c.Storage = "https://pod.vault.example/91ab" },
		"storage with fragment":   func(c *Creation) { c.Storage = "https://pod.vault.example/#/" },
		"P-521":                   func(c *Creation) { c.Key = &p521.PublicKey },
		"no key":                  func(c *Creation) { c.Key = nil },
		"Ed25519 to encrypt":      func(c *Creation) { c.Encryption = edPub },
		"no proof":                func(c *Creation) { c.LinkProof = "" },
		"proof by another key":    func(c *Creation) { c.LinkProof = linkProof(t, other, 1, &enc.PublicKey, testNow) },
		"proof as key-2":          func(c *Creation) { c.LinkProof = linkProof(t, key, 2, &enc.PublicKey, testNow) },
		"other encryption key":    func(c *Creation) { c.LinkProof = linkProof(t, key, 1, &other.PublicKey, testNow) },
		"no encryption key named": func(c *Creation) { c.LinkProof = linkProof(t, key, 1, nil, testNow) },
		"rotation proof":          func(c *Creation) { c.LinkProof = rotationProof(t, key, 1, &other.PublicKey, testNow) },
	} {
		c := good
		change(&c)
		if p, err := Create(c, testNow); err == nil || !reflect.DeepEqual(p, Profile{}) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRotateRefusals(t *testing.T) {
	c := newCitizen(t)
	next, thief := newKey(t), newKey(t)
	at := testNow.Add(time.Hour)
	good := Rotation{
		Key: &next.PublicKey, RotationProof: rotationProof(t, c.key, 1, &next.PublicKey, at),
		LinkProof: linkProof(t, next, 2, &c.enc.PublicKey, at),
	}
	if _, err := c.Rotate(good, at); err != nil {
		t.Fatal(err)
	}
	elsewhere, err := NewRotationProof(c.key, 1, "https://id.vault.example/profiles/7c3e4b52-5a3f-4e0b-9d0c-1f2e3d4c5b6b", &next.PublicKey, at)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Rotation){
		"without the old key":   func(r *Rotation) { r.RotationProof = rotationProof(t, thief, 1, &next.PublicKey, at) },
		"signed by the new key": func(r *Rotation) { r.RotationProof = rotationProof(t, next, 1, &next.PublicKey, at) },
		"names another key":     func(r *Rotation) { r.RotationProof = rotationProof(t, c.key, 1, &thief.PublicKey, at) },
		"skips a number":        func(r *Rotation) { r.RotationProof = rotationProof(t, c.key, 2, &next.PublicKey, at) },
		"of another profile":    func(r *Rotation) { r.RotationProof = elsewhere },
		"none":                  func(r *Rotation) { r.RotationProof = "" },
		"a link proof instead":  func(r *Rotation) { r.RotationProof = c.LinkProof },
		"from the future":       func(r *Rotation) { r.RotationProof = rotationProof(t, c.key, 1, &next.PublicKey, at.Add(time.Hour)) },
		"from before": func(r *Rotation) {
			r.RotationProof = rotationProof(t, c.key, 1, &next.PublicKey, testNow.Add(-time.Hour))
		},
		"link proof by the old":    func(r *Rotation) { r.LinkProof = linkProof(t, c.key, 1, &c.enc.PublicKey, at) },
		"link proof by the old, 2": func(r *Rotation) { r.LinkProof = linkProof(t, c.key, 2, &c.enc.PublicKey, at) },
		"swaps the encryption key": func(r *Rotation) { r.LinkProof = linkProof(t, next, 2, &thief.PublicKey, at) },
		"same key again": func(r *Rotation) {
			r.Key = &c.key.PublicKey
			r.RotationProof = rotationProof(t, c.key, 1, &c.key.PublicKey, at)
			r.LinkProof = linkProof(t, c.key, 2, &c.enc.PublicKey, at)
		},
	} {
		r := good
		change(&r)
		if p, err := c.Rotate(r, at); err == nil || !reflect.DeepEqual(p, Profile{}) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEncryptionKeyIsChangedOnlyByTheCitizen(t *testing.T) {
	c := newCitizen(t)
	next, thief := newKey(t), newKey(t)
	at := testNow.Add(time.Hour)
	if _, err := c.RotateEncryption(&next.PublicKey, c.LinkProof, at); !errors.Is(err, ErrProof) {
		t.Errorf("with the old link proof: %v", err)
	}
	if _, err := c.RotateEncryption(&next.PublicKey, linkProof(t, thief, 1, &next.PublicKey, at), at); !errors.Is(err, ErrProof) {
		t.Errorf("with another's link proof: %v", err)
	}
	p, err := c.RotateEncryption(&next.PublicKey, linkProof(t, c.key, 1, &next.PublicKey, at), at)
	if err != nil {
		t.Fatal(err)
	}
	if p.EncryptionKeys[0].Revoked.IsZero() || p.EncryptionKeys[1].Fragment != "enc-2" || p.DIDDocument().KeyAgreement[0].ID != testDID+"#enc-2" {
		t.Errorf("found %+v", p.EncryptionKeys)
	}
}

func TestMove(t *testing.T) {
	c := newCitizen(t)
	p, err := c.Move(testOP, "", "b2c1-token", testNow)
	if err != nil || p.Storage != "" || !strings.Contains(string(p.Turtle()), `solid:oidcIssuerRegistrationToken "b2c1-token"`) {
		t.Errorf("%v\n%s", err, p.Turtle())
	}
	for _, token := range []string{`a"b`, "a\nb", "é", strings.Repeat("a", 257)} {
		if _, err := c.Move(testOP, testPod, token, testNow); !errors.Is(err, ErrProfile) {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if p, err := c.Move("", testPod, "", testNow); !errors.Is(err, ErrProfile) || !reflect.DeepEqual(p, Profile{}) {
		t.Errorf("no provider: %v", err)
	}
}

// craft signs a link proof with whatever header and claims.
func craft(t testing.TB, signer crypto.Signer, header, claims map[string]any) string {
	t.Helper()
	payload, err := jose.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.SignCompact(signer, header, payload)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLinkProofRefusals(t *testing.T) {
	c := newCitizen(t)
	enc := c.EncryptionKeys[0].Multikey
	header := func() map[string]any {
		return map[string]any{"alg": "ES256", "typ": typLink, "kid": testDID + "#key-1"}
	}
	claims := func() map[string]any {
		return map[string]any{"iss": testDID, "sub": testWebID, "iat": testNow.Unix(), "exp": testNow.Add(time.Hour).Unix(), "key_agreement": enc}
	}
	if _, err := c.Renew(craft(t, c.key, header(), claims()), testNow); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(h, p map[string]any){
		"other typ":             func(h, _ map[string]any) { h["typ"] = "JWT" },
		"no typ":                func(h, _ map[string]any) { delete(h, "typ") },
		"rotation typ":          func(h, _ map[string]any) { h["typ"] = typRotation },
		"key binding typ":       func(h, _ map[string]any) { h["typ"] = "kb+jwt" },
		"kid of the WebID":      func(h, _ map[string]any) { h["kid"] = testWebID + "#key-1" },
		"bare kid":              func(h, _ map[string]any) { h["kid"] = "key-1" },
		"no kid":                func(h, _ map[string]any) { delete(h, "kid") },
		"jwk in the header":     func(h, _ map[string]any) { h["jwk"] = map[string]any{"kty": "EC"} },
		"crit":                  func(h, _ map[string]any) { h["crit"] = []string{"exp"} },
		"iss the WebID":         func(_, p map[string]any) { p["iss"] = testWebID },
		"no iss":                func(_, p map[string]any) { delete(p, "iss") },
		"sub the DID":           func(_, p map[string]any) { p["sub"] = testDID },
		"sub with fragment":     func(_, p map[string]any) { p["sub"] = testWebID + "#me" },
		"no exp":                func(_, p map[string]any) { delete(p, "exp") },
		"no iat":                func(_, p map[string]any) { delete(p, "iat") },
		"91 days":               func(_, p map[string]any) { p["exp"] = testNow.Add(91 * 24 * time.Hour).Unix() },
		"90 days and a second":  func(_, p map[string]any) { p["exp"] = testNow.Add(MaxLinkProof + time.Second).Unix() },
		"expired":               func(_, p map[string]any) { p["iat"], p["exp"] = testNow.Add(-time.Hour).Unix(), testNow.Unix() },
		"exp before iat":        func(_, p map[string]any) { p["exp"] = testNow.Add(-time.Hour).Unix() },
		"iat in the future":     func(_, p map[string]any) { p["iat"] = testNow.Add(2 * time.Minute).Unix() },
		"exp a string":          func(_, p map[string]any) { p["exp"] = "2027" },
		"unknown claim":         func(_, p map[string]any) { p["aud"] = "x" },
		"encryption key absent": func(_, p map[string]any) { delete(p, "key_agreement") },
	} {
		h, p := header(), claims()
		change(h, p)
		if _, err := c.Renew(craft(t, c.key, h, p), testNow); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := craft(t, c.key, header(), claims())
	for name, s := range map[string]string{
		"empty": "", "cut signature": good[:len(good)-4], "no signature": good[:strings.LastIndexByte(good, '.')+1],
		"changed": good[:len(good)-2] + "AA", "too long": good + strings.Repeat("A", maxProof), "with white space": " " + good,
	} {
		if _, err := c.Renew(s, testNow); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewLinkProof(c.key, 1, testWebID, nil, testNow, MaxLinkProof+time.Second); !errors.Is(err, ErrProof) {
		t.Errorf("made a proof that lives too long: %v", err)
	}
}

func FuzzLinkProof(f *testing.F) {
	// Fixed keys: the seeds must mean the same in every fuzzing process.
	fixed := func(b byte) *ecdsa.PrivateKey {
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{b}, 32))
		if err != nil {
			f.Fatal(err)
		}
		return k
	}
	c := citizenWith(f, fixed(1), fixed(2))
	f.Add(c.LinkProof)
	f.Add(rotationProof(f, c.key, 1, &c.enc.PublicKey, testNow))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := c.Renew(s, testNow)
		if err == nil && s != c.LinkProof {
			// Only another valid signature of the same key could get here.
			t.Errorf("accepted %q", s)
		}
		if err != nil && p.WebID != "" {
			t.Error("a failed transition returned a profile")
		}
	})
}

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
