package holder_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/localdir"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	protocol "github.com/zegel-id/zegel/protocol/vault"
	"github.com/zegel-id/zegel/store"
)

func TestLife(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)

	// No vault without a request, and nothing works without one.
	if _, err := w.Vault(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Fatal(err)
	}
	if _, err := w.Items(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Fatal(err)
	}
	if _, err := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{}); !errors.Is(err, holder.ErrNoVault) {
		t.Fatal(err)
	}

	// Reserved: an identifier, but no documents, no pod.
	i, err := w.Activate(ctx, u.r, u.keys())
	if err != nil || i.State != holder.Reserved || i.Storage != "" {
		t.Fatalf("%+v %v", i, err)
	}
	if i.DID != "did:web:vault.example.org:profiles:"+uuidOf(i.WebID) {
		t.Error(i.DID)
	}
	if _, err := w.Profile(ctx, uuidOf(i.WebID)); !errors.Is(err, profiles.ErrNotFound) {
		t.Error("a reserved vault has documents already:", err)
	}
	if _, err := w.Handle(ctx, u.r, w.issuers[0].url); !errors.Is(err, holder.ErrNotPublished) {
		t.Error(err)
	}
	// Again with other keys: the same identifier.
	u.newKeys()
	again, err := w.Activate(ctx, u.r, u.keys())
	if err != nil || again.WebID != i.WebID {
		t.Fatalf("%+v %v", again, err)
	}
	if _, err := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{}); err != nil {
		t.Fatal("a keystore must be kept before the vault is published:", err)
	}
	if err := w.PutLinkProof(ctx, u.r, u.proof(i.WebID)); err != nil {
		t.Fatal(err)
	}
	i = u.info(holder.Active)
	p, err := w.Profile(ctx, uuidOf(i.WebID))
	if err != nil || p.Status != did.Active || p.Storage != i.Storage || p.OIDCIssuer != oidc || p.RegistrationToken != "" {
		t.Fatalf("%+v %v", p, err)
	}
	if strings.Contains(i.Storage, uuidOf(i.WebID)) {
		t.Error("the pod's address leads to the WebID")
	}
	// Nobody has two.
	if _, err := w.Activate(ctx, u.r, u.keys()); !errors.Is(err, holder.ErrVaultExists) {
		t.Error(err)
	}

	// Items.
	name := u.put(i)
	o, err := w.Item(ctx, u.r, name)
	if err != nil || o.MediaType != pod.MediaType {
		t.Fatal(err)
	}
	if _, err := w.PutItem(ctx, u.r, name, pod.MediaType, envelope(t, i.Storage+name), pod.IfMatch(`"stale"`)); !errors.Is(err, pod.ErrPrecondition) {
		t.Error(err)
	}
	if _, err := w.PutItem(ctx, u.r, name, pod.MediaType, envelope(t, i.Storage+name), pod.IfMatch(o.ETag)); err != nil {
		t.Error(err)
	}
	if names, err := w.Items(ctx, u.r); err != nil || !slices.Equal(names, []string{name}) {
		t.Errorf("%v %v", names, err)
	}

	// Rotation needs the old key.
	old := u.did
	u.newKeysDID(t)
	continuity, err := did.NewRotationProof(old, 1, i.WebID, u.did.Public(), w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	u.n = 2
	forged, _ := did.NewRotationProof(u.did, 1, i.WebID, u.did.Public(), w.clock.Now())
	if err := w.Rotate(ctx, u.r, holder.Rotation{Key: jwk(t, u.did.Public()), Continuity: forged, LinkProof: u.proof(i.WebID)}); !errors.Is(err, holder.ErrInput) {
		t.Error("a rotation without the old key:", err)
	}
	if err := w.Rotate(ctx, u.r, holder.Rotation{Key: jwk(t, u.did.Public()), Continuity: continuity, LinkProof: u.proof(i.WebID)}); err != nil {
		t.Fatal(err)
	}
	w.clock.add(time.Hour)
	if err := w.PutLinkProof(ctx, u.r, u.proof(i.WebID)); err != nil {
		t.Fatal("renewing the link proof:", err)
	}

	// Deletion: everything goes, in this order.
	if p, err := w.Delete(ctx, u.r); err != nil || p.Issuers != nil {
		t.Fatal(err)
	}
	if want := []string{"pod", "https://one.example.org", "https://two.example.org"}; !slices.Equal(w.order, want) {
		t.Errorf("order %v, expected %v", w.order, want)
	}
	if _, err := w.Vault(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Error(err)
	}
	if _, err := w.Profile(ctx, uuidOf(i.WebID)); !errors.Is(err, profiles.ErrDeleted) {
		t.Error("the WebID must be gone for ever:", err)
	}
	if len(w.pods.pods) != 0 {
		t.Error("the pod is still there")
	}
	if _, err := w.Delete(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Error(err)
	}
	// Another vault has other identifiers.
	u.n = 1
	if next := u.activate(); next.WebID == i.WebID || next.Storage == i.Storage || next.Vault == i.Vault {
		t.Error("an identifier was used again")
	}
	want := []string{
		"vault.activate ok", "load ok item", "load ok item", "load failed item", "load ok item",
		"webid.change ok rotated", "webid.change ok renewed",
		"vault.delete ok", "revoke ok 8", "revoke ok 8", "vault.delete ok complete", "vault.activate ok",
	}
	if got := w.entries(); !slices.Equal(got, want) {
		t.Errorf("use log\n%q, expected\n%q", got, want)
	}
}

func (u *unit) newKeysDID(t *testing.T) {
	vault := u.vault
	u.newKeys()
	u.vault = vault
}

// A deactivated vault can be read by its citizen and nothing else.
func TestRestriction(t *testing.T) {
	for name, needed := range map[string]bool{"local pods": false, "Solid pods": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *holder.Config) { c.PodsNeedIssuer = needed })
			ctx, u := t.Context(), w.citizen(rrn)
			i := u.activate()
			item := u.put(i)
			proof := u.proof(i.WebID) // from before
			if err := w.Reactivate(ctx, u.r, proof); !errors.Is(err, holder.ErrNotDeactivated) {
				t.Error(err)
			}
			w.clock.add(time.Minute)
			if err := w.Deactivate(ctx, u.r); err != nil {
				t.Fatal(err)
			}
			if got := u.info(holder.Deactivated); got.Storage != i.Storage {
				t.Error("the storage is needed to read:", got.Storage)
			}
			p, err := w.Profile(ctx, uuidOf(i.WebID))
			if err != nil || p.Status != did.Deactivated || p.LinkProof != "" || p.Storage != "" || (p.OIDCIssuer != "") != needed {
				t.Errorf("%+v %v", p, err)
			}
			if len(p.DIDDocument().AssertionMethod) != 0 {
				t.Error("a deactivated DID can assert")
			}
			// Reading works.
			if _, err := w.Item(ctx, u.r, item); err != nil {
				t.Error(err)
			}
			if _, err := w.Items(ctx, u.r); err != nil {
				t.Error(err)
			}
			if _, _, err := w.Uses(ctx, u.r, time.Time{}, time.Time{}); err != nil {
				t.Error(err)
			}
			// Nothing else does.
			fresh := pod.NewName()
			_, put := w.PutItem(ctx, u.r, fresh, pod.MediaType, envelope(t, i.Storage+fresh), pod.IfAbsent())
			_, handle := w.Handle(ctx, u.r, w.issuers[0].url)
			for what, err := range map[string]error{
				"load": put, "handle": handle, "delete item": w.DeleteItem(ctx, u.r, item), "deactivate": w.Deactivate(ctx, u.r),
				"link":  w.PutLinkProof(ctx, u.r, proof),
				"share": w.Tell(ctx, u.r, holder.Told{Kind: audit.Share, Organisation: "x", Purpose: "x", LegalBasis: "x", DataType: "x"}),
			} {
				if !errors.Is(err, holder.ErrDeactivated) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := w.Reactivate(ctx, u.r, proof); !errors.Is(err, holder.ErrInput) {
				t.Error("a proof from before the deactivation says nothing of the citizen's will:", err)
			}
			if err := w.Reactivate(ctx, u.r, u.proof(i.WebID)); err != nil {
				t.Fatal(err)
			}
			u.info(holder.Active)
			u.put(i)
			// A deactivated vault can be deleted.
			if err := w.Deactivate(ctx, u.r); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Delete(ctx, u.r); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Sixteen requests at once make one vault.
func TestOneVault(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first := w.citizen(rrn)
	units := make([]*unit, 16)
	infos, errs := make([]holder.Info, 16), make([]error, 16)
	for n := range units {
		units[n] = &unit{w: w, r: first.r, n: 1}
		units[n].newKeys()
	}
	run(16, func(n int) { infos[n], errs[n] = w.Activate(ctx, units[n].r, units[n].keys()) })
	for n := range units {
		if errs[n] != nil || infos[n].WebID != infos[0].WebID {
			t.Fatalf("%d: %+v %v", n, infos[n], errs[n])
		}
	}
	recs, _, err := w.store.Find(ctx, "holder-vault", "", store.Page{})
	if err != nil || len(recs) != 1 {
		t.Fatalf("%d vaults, %v", len(recs), err)
	}
	// The last keys stand, and only the unit that holds them can publish them.
	run(16, func(n int) { errs[n] = w.PutLinkProof(ctx, units[n].r, units[n].proof(infos[0].WebID)) })
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, holder.ErrInput) && !errors.Is(err, holder.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 || len(w.pods.pods) != 1 {
		t.Errorf("%d published, %d pods", won, len(w.pods.pods))
	}
	first.info(holder.Active)
	// The same proof 16 times at once: one pod.
	other := w.citizen("85652500134")
	i, err := w.Activate(ctx, other.r, other.keys())
	if err != nil {
		t.Fatal(err)
	}
	proof := other.proof(i.WebID)
	run(16, func(n int) { errs[n] = w.PutLinkProof(ctx, other.r, proof) })
	for _, err := range errs {
		if err != nil && !errors.Is(err, holder.ErrConflict) {
			t.Error(err)
		}
	}
	other.info(holder.Active)
	if len(w.pods.pods) != 2 {
		t.Errorf("%d pods for two vaults", len(w.pods.pods))
	}
	// And 16 deletions beside 16 activations end with no more than one vault.
	run(32, func(n int) {
		if n%2 == 0 {
			_, _ = w.Delete(ctx, other.r)
			return
		}
		u := &unit{w: w, r: other.r, n: 1}
		u.newKeys()
		if i, err := w.Activate(ctx, u.r, u.keys()); err == nil {
			_ = w.PutLinkProof(ctx, u.r, u.proof(i.WebID))
		}
	})
	if err := w.Resume(ctx); err != nil {
		t.Error(err)
	}
	if n := len(w.pods.pods); n > 2 {
		t.Errorf("%d pods for at most two vaults", n)
	}
}

func run(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// What cannot be logged does not happen.
func TestNoUseWithoutLog(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	i, err := w.Activate(ctx, u.r, u.keys())
	if err != nil {
		t.Fatal(err)
	}
	w.log.full = true
	if err := w.PutLinkProof(ctx, u.r, u.proof(i.WebID)); !errors.Is(err, holder.ErrLog) {
		t.Fatal(err)
	}
	u.info(holder.Reserved)
	w.log.full = false
	i = u.activate()
	item := u.put(i)
	w.log.full = true
	fresh := pod.NewName()
	_, put := w.PutItem(ctx, u.r, fresh, pod.MediaType, envelope(t, i.Storage+fresh), pod.IfAbsent())
	_, handle := w.Handle(ctx, u.r, w.issuers[0].url)
	_, keystore := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{})
	_, deletion := w.Delete(ctx, u.r)
	_, session := w.StartSessionFor(t, u)
	for what, err := range map[string]error{
		"load": put, "handle": handle, "keystore": keystore, "delete": deletion, "login": session,
		"delete item": w.DeleteItem(ctx, u.r, item), "deactivate": w.Deactivate(ctx, u.r),
		"share": w.Tell(ctx, u.r, holder.Told{Kind: audit.Share, Organisation: "x", Purpose: "x", LegalBasis: "x", DataType: "x"}),
		"renew": w.PutLinkProof(ctx, u.r, u.proof(i.WebID)),
	} {
		if !errors.Is(err, holder.ErrLog) {
			t.Errorf("%s: %v", what, err)
		}
	}
	u.info(holder.Active)
	if names, err := w.Items(ctx, u.r); err != nil || !slices.Equal(names, []string{item}) {
		t.Errorf("%v %v", names, err)
	}
	if _, _, err := w.Keystore(ctx, u.r); !errors.Is(err, holder.ErrNoKeystore) {
		t.Error(err)
	}
}

func TestKeystore(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	u.activate()
	if _, _, err := w.Keystore(ctx, u.r); !errors.Is(err, holder.ErrNoKeystore) {
		t.Fatal(err)
	}
	if _, err := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{Match: `"k1"`}); !errors.Is(err, holder.ErrPrecondition) {
		t.Error(err)
	}
	one, err := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{Absent: true}); !errors.Is(err, holder.ErrPrecondition) {
		t.Error(err)
	}
	// Of 16 devices that read the same version, one changes it.
	errs := make([]error, 16)
	run(16, func(n int) { _, errs[n] = w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{Match: one}) })
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, holder.ErrPrecondition) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d devices changed one version", won)
	}
	data, tag, err := w.Keystore(ctx, u.r)
	if err != nil || string(data) != goodKeystore || tag == one {
		t.Errorf("%s %v", tag, err)
	}
	// Another process with the same key opens it; one with another does not.
	w.config.Key = []byte(strings.Repeat("x", 32))
	w.restart()
	if _, _, err := w.Keystore(ctx, u.r); err == nil {
		t.Error("a keystore opened without the platform's key")
	}
}

func TestKeystoreShape(t *testing.T) {
	if err := holder.CheckKeystore([]byte(goodKeystore)); err != nil {
		t.Fatal("the good one must be good:", err)
	}
	long := strings.Repeat("A", 4*holder.MaxKeystore)
	for name, text := range map[string]string{
		"plain text":       "vault key: 1234",
		"no slots":         strings.Replace(goodKeystore, `"slots":[`, `"slots":[],"x":[`, 1),
		"room for more":    strings.Replace(goodKeystore, `"iv"`, `"note":"my key","iv"`, 1),
		"room in a slot":   strings.Replace(goodKeystore, `"kind"`, `"secret":"x","kind"`, 1),
		"twice":            strings.Replace(goodKeystore, `"version":1`, `"version":1,"version":1`, 1),
		"free text kind":   strings.Replace(goodKeystore, "recovery-code", "My Recovery Code", 1),
		"text as iv":       strings.Replace(goodKeystore, `"iv":"AAAAAAAAAAAAAAAA"`, `"iv":"hello"`, 1),
		"readable keys":    strings.Replace(goodKeystore, `"keys":"_____________________________________________________w"`, `"keys":"`+jose.Encode([]byte(`{"vault":{"kty":"EC","d":"0123456789"}}`))+`"`, 1),
		"no keys":          strings.Replace(goodKeystore, `"keys"`, `"kays"`, 1),
		"too long":         long,
		"many slots":       strings.Replace(goodKeystore, `"slots":[`, `"slots":[`+strings.Repeat(`{"id":"AAAAAAAAAAAAAAAAAAAAAA","kind":"passkey-prf","salt":"AAAAAAAAAAAAAAAAAAAAAA","wrapped":"AAAAAAAAAAAAAAAAAAAAAA"},`, 16), 1),
		"version in words": strings.Replace(goodKeystore, `"version":1`, `"version":"one"`, 1),
	} {
		err := holder.CheckKeystore([]byte(text))
		if !errors.Is(err, holder.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "1234") || strings.Contains(err.Error(), "my key")) {
			t.Errorf("%s: the error repeats the input", name)
		}
	}
}

func FuzzCheckKeystore(f *testing.F) {
	f.Add([]byte(goodKeystore))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if holder.CheckKeystore(b) == nil && (len(b) > holder.MaxKeystore || !strings.Contains(string(b), "slots")) {
			t.Fatal("accepted what has not the shape")
		}
	})
}

func TestHandles(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	u.activate()
	keys, err := w.HandleKeys()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, i := range w.issuers {
		for range 2 {
			text, err := w.Handle(ctx, u.r, i.url)
			if err != nil {
				t.Fatal(err)
			}
			h, err := protocol.Verify(text, i.url, func(platform string) ([]jose.JWK, error) {
				if platform != base {
					return nil, errors.New("another platform")
				}
				return keys, nil
			}, w.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			seen[h.Vault] = true
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d pseudonyms for two issuers, expected one each", len(seen))
	}
	if _, err := w.Handle(ctx, u.r, "https://three.example.org"); !errors.Is(err, holder.ErrIssuer) {
		t.Error("an issuer that would not hear of the deletion got a handle:", err)
	}
	// The deletion names the same pseudonyms.
	if _, err := w.Delete(ctx, u.r); err != nil {
		t.Fatal(err)
	}
	for _, i := range w.issuers {
		if len(i.told) != 1 || !seen[i.told[0]] {
			t.Errorf("%s was told %v", i.url, i.told)
		}
	}
}

func TestRefusedInput(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	good := u.keys()
	private, _ := jose.PrivateJWK(u.did)
	for name, k := range map[string]holder.Keys{
		"no keys":     {},
		"private key": {DID: private, Encryption: good.Encryption},
		"one key":     {DID: good.DID, Encryption: good.DID},
		"other curve": {DID: good.DID, Encryption: jose.JWK{Kty: "OKP", Crv: "Ed25519", X: jose.Encode(make([]byte, 32))}},
		"off curve":   {DID: jose.JWK{Kty: "EC", Crv: "P-256", X: good.DID.X, Y: good.DID.X}, Encryption: good.Encryption},
	} {
		if _, err := w.Activate(ctx, u.r, k); !errors.Is(err, holder.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	i, err := w.Activate(ctx, u.r, good)
	if err != nil {
		t.Fatal(err)
	}
	other := w.citizen("85652500134")
	otherInfo := other.activate()
	for name, proof := range map[string]string{
		"nothing":       "",
		"other key":     other.proof(i.WebID),
		"other WebID":   u.proof(otherInfo.WebID),
		"no encryption": func() string { p, _ := did.NewLinkProof(u.did, 1, i.WebID, nil, w.clock.Now(), time.Hour); return p }(),
		"from tomorrow": func() string {
			p, _ := did.NewLinkProof(u.did, 1, i.WebID, u.vault.PublicKey(), w.clock.Now().Add(24*time.Hour), time.Hour)
			return p
		}(),
	} {
		if err := w.PutLinkProof(ctx, u.r, proof); !errors.Is(err, holder.ErrInput) {
			t.Errorf("link proof, %s: %v", name, err)
		}
	}
	u.info(holder.Reserved)
	i = u.activate()

	// Plaintext, and ciphertext made for another place.
	name := pod.NewName()
	for what, data := range map[string][]byte{
		"plaintext": []byte(`{"name":"canary"}`), "other vault": envelope(t, otherInfo.Storage+name), "other item": envelope(t, i.Storage+pod.NewName()),
	} {
		if _, err := w.PutItem(ctx, u.r, name, pod.MediaType, data, pod.IfAbsent()); !errors.Is(err, pod.ErrRefusedPlaintext) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.PutItem(ctx, u.r, "diploma.json", pod.MediaType, envelope(t, i.Storage+"diploma.json"), pod.IfAbsent()); !errors.Is(err, pod.ErrName) {
		t.Error(err)
	}
	// An item of another vault is not there.
	theirs := other.put(otherInfo)
	if _, err := w.Item(ctx, u.r, theirs); !errors.Is(err, pod.ErrNotFound) {
		t.Error(err)
	}
	if err := w.DeleteItem(ctx, u.r, theirs); !errors.Is(err, pod.ErrNotFound) {
		t.Error(err)
	}
	if _, err := w.Item(ctx, other.r, theirs); err != nil {
		t.Error(err)
	}

	told := holder.Told{Kind: audit.Share, Organisation: "Org", Purpose: "study", LegalBasis: "consent", DataType: "https://x.example/t"}
	for what, change := range map[string]func(*holder.Told){
		"no organisation": func(t *holder.Told) { t.Organisation = "" },
		"no purpose":      func(t *holder.Told) { t.Purpose = "" },
		"no legal basis":  func(t *holder.Told) { t.LegalBasis = "" },
		"a vault event":   func(t *holder.Told) { t.Kind = audit.VaultDelete },
		"a number in it":  func(t *holder.Told) { t.Purpose = "for 80.61.01-001.39" },
		"two lines":       func(t *holder.Told) { t.Purpose = "a\nb" },
	} {
		x := told
		change(&x)
		if err := w.Tell(ctx, u.r, x); !errors.Is(err, holder.ErrInput) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := w.Tell(ctx, u.r, told); err != nil {
		t.Error(err)
	}
}

// The citizen sees the own log, and nobody else's.
func TestUses(t *testing.T) {
	w := newWorld(t)
	ctx, u, other := t.Context(), w.citizen(rrn), w.citizen("85652500134")
	i := u.activate()
	other.put(other.activate())
	w.clock.add(time.Hour)
	later := w.clock.Now()
	u.put(i)
	if err := w.Tell(ctx, u.r, holder.Told{Kind: audit.Share, Organisation: "Org", Purpose: "study", LegalBasis: "consent", DataType: "https://x.example/t"}); err != nil {
		t.Fatal(err)
	}
	lines, more, err := w.Uses(ctx, u.r, time.Time{}, time.Time{})
	if err != nil || more || len(lines) != 3 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, l := range lines {
		if l.Evidence != u.r.Evidence || string(l.Subject) != i.Vault || l.Actor.Kind != audit.Citizen {
			t.Errorf("%+v", l)
		}
	}
	if lines[2].Organisation != "Org" || lines[2].Purpose != "study" {
		t.Errorf("%+v", lines[2])
	}
	if lines, _, _ := w.Uses(ctx, u.r, later, time.Time{}); len(lines) != 2 {
		t.Errorf("%d lines since then", len(lines))
	}
}

// A reservation that nobody publishes is forgotten.
func TestReservationEnds(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	i, err := w.Activate(ctx, u.r, u.keys())
	if err != nil {
		t.Fatal(err)
	}
	w.clock.add(25 * time.Hour)
	if _, err := w.Vault(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Error(err)
	}
	if err := w.PutLinkProof(ctx, u.r, u.proof(i.WebID)); !errors.Is(err, holder.ErrNoVault) {
		t.Error(err)
	}
	if _, err := w.Activate(ctx, u.r, u.keys()); !errors.Is(err, holder.ErrConflict) {
		t.Error("not yet swept:", err)
	}
	if _, err := w.store.(interface {
		Sweep(context.Context) (int, error)
	}).Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if again := u.activate(); again.WebID == i.WebID {
		t.Error("an identifier was used again")
	}
}

func TestPublishRegistration(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	i := u.activate()
	show := func() did.Profile {
		p, err := w.Profile(ctx, uuidOf(i.WebID))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if err := w.PublishRegistration(ctx, i.WebID, oidc, "token-1"); err != nil {
		t.Fatal(err)
	}
	if p := show(); p.RegistrationToken != "token-1" || p.Storage != i.Storage {
		t.Errorf("%+v", p)
	}
	if err := w.PublishRegistration(ctx, i.WebID, oidc, ""); err != nil || show().RegistrationToken != "" {
		t.Error(err)
	}
	if err := w.PublishRegistration(ctx, i.WebID, "https://evil.example/", "x"); err == nil {
		t.Error("another OpenID provider entered a WebID document")
	}
	if err := w.PublishRegistration(ctx, i.WebID, oidc, `x" . <#me> a <#admin>`); err == nil {
		t.Error("a token that is Turtle entered a WebID document")
	}
	if err := w.PublishRegistration(ctx, "https://elsewhere.example/profiles/"+uuidOf(i.WebID)+"#me", oidc, "x"); err == nil {
		t.Error("a WebID of another kind")
	}
}

// Nobody but the citizen changes a vault: each operation asks for the citizen's
// request, and the few that do not are these.
func TestNoOperatorOperations(t *testing.T) {
	without := map[string]string{
		"URL": "configuration", "HandleKeys": "public keys", "Profile": "public documents", "Citizen": "a keyed hash",
		"SignedIn": "after the OpenID provider's answer", "StartSession": "with the one-time code", "Session": "with the access token",
		"ConsumeProof": "a mark", "ProofNonce": "a number for proofs", "GaveProofNonce": "a check", "EndSessions": "ends access, gives none",
		"PublishRegistration": "a token in the WebID document while a pod is made", "Due": "months to remind of, and WebIDs, which are public", "Resume": "goes on with what the citizen asked", "Run": "calls Resume",
	}
	h := reflect.TypeFor[*holder.Holder]()
	for n := range h.NumMethod() {
		m := h.Method(n)
		if _, ok := without[m.Name]; ok {
			continue
		}
		if m.Type.NumIn() < 3 || m.Type.In(2) != reflect.TypeFor[holder.Request]() {
			t.Errorf("%s works without the citizen's request: say why, or ask for it", m.Name)
		}
	}
}

func TestConfig(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*holder.Config){
		"no store":       func(c *holder.Config) { c.Store = nil },
		"short key":      func(c *holder.Config) { c.Key = c.Key[:16] },
		"plain http":     func(c *holder.Config) { c.URL = "http://vault.example.org" },
		"loopback":       func(c *holder.Config) { c.URL = "http://localhost:8082" },
		"path":           func(c *holder.Config) { c.URL = base + "/app" },
		"slash":          func(c *holder.Config) { c.URL = base + "/" },
		"plain provider": func(c *holder.Config) { c.OIDCIssuer = "http://op.example.org" },
		"no handle key":  func(c *holder.Config) { c.HandleKey = nil },
	} {
		c := w.config
		change(&c)
		if _, err := holder.New(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	c := w.config
	c.URL, c.InsecureLoopback = "http://localhost:8082", true
	c.Profiles = &profiles.Profiles{Store: w.store, Options: []did.Option{did.InsecureLoopback()}}
	if _, err := holder.New(c); err != nil {
		t.Error(err)
	}
}

// The national number, and what the citizen stored, stand in no file and no
// line; nothing that identifies the vault is left after deletion.
func TestCanary(t *testing.T) {
	var pods *localdir.Host
	w := newWorld(t, func(c *holder.Config) {
		var err error
		if pods, err = localdir.New(t.TempDir(), podURL); err != nil {
			t.Fatal(err)
		}
		c.Pods = pods
	})
	t.Cleanup(func() { _ = pods.Close() })
	ctx, u := t.Context(), w.citizen(rrn)
	if _, err := w.StartSessionFor(t, u); err != nil {
		t.Fatal(err)
	}
	i := u.activate()
	if _, err := w.PutKeystore(ctx, u.r, []byte(goodKeystore), holder.Expect{}); err != nil {
		t.Fatal(err)
	}
	u.put(i)
	insz, _ := identifier.ParseINSZ(rrn)
	secrets := []string{rrn, "80.61.01-001.39", "canary-plaintext", "the pod's password", "recovery-code", jose.Encode([]byte("canary-plaintext " + rrn))}
	look := func() {
		t.Helper()
		err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, s := range secrets {
				if strings.Contains(string(b), s) {
					t.Errorf("%s holds %q", filepath.Base(path), s)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(secrets, uuidOf(i.WebID)) {
			if strings.Contains(w.lines.String(), s) {
				t.Errorf("the program's log holds %q", s)
			}
		}
		if insz.MentionedIn(w.lines.String()) {
			t.Error("the program's log holds the national number")
		}
	}
	look()
	if strings.Contains(strings.Join(w.entries(), "\n"), uuidOf(i.WebID)) {
		t.Error("the use log names the WebID")
	}
	w.issuers[0].down = true
	if p, err := w.Delete(ctx, u.r); err != nil || !slices.Equal(p.Issuers, []string{w.issuers[0].url}) {
		t.Fatalf("%+v %v", p, err)
	}
	// What the records say after deletion; the store's files keep old bytes
	// until they are compacted.
	for _, kind := range []store.Kind{"holder-vault", "holder-session", "holder-sign-in", "holder-revocation", "profile", "profile-mark", "profile-version"} {
		recs, _, err := w.store.Find(ctx, kind, "", store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			text := r.ID + strings.Join(r.Tags, " ") + string(r.Data)
			for _, s := range append(secrets, uuidOf(i.WebID), i.Vault, "keystore") {
				if strings.Contains(text, s) {
					t.Errorf("a %s record still holds %q", kind, s)
				}
			}
		}
		if want := map[store.Kind]int{"holder-vault": 1, "holder-revocation": 1, "profile-mark": 1, "profile-version": 1}[kind]; len(recs) != want {
			t.Errorf("%d records of kind %s, expected %d", len(recs), kind, want)
		}
	}
	w.clock.add(2 * time.Hour)
	if _, err := w.store.Get(ctx, "holder-vault", "any"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if recs, _, _ := w.store.Find(ctx, "holder-vault", "", store.Page{}); len(recs) != 0 {
		t.Error("the record of a deleted vault outlives its hour")
	}
}
