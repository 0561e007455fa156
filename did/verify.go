package did

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// The rules of a WebID and its DID, in the order in which they are judged.
const (
	// RuleMapping: each identifier is the image of the other under the
	// bijection.
	RuleMapping = "L1_mapping"
	// RuleDocuments: both documents answer 200 and each has its own identifier
	// as id (Controlled Identifiers 1.0, Section 2.1.1; DID Core 1.0, Section
	// 5.1.1).
	RuleDocuments = "L2_documents"
	// RuleReciprocal: each document names the other identifier in alsoKnownAs
	// (Controlled Identifiers 1.0, Section 2.1.3).
	RuleReciprocal = "L3_reciprocal"
	// RuleKeys: the active keys are the same in both: same fragment, same
	// bytes. Active is what is listed under assertionMethod, controlled by the
	// document and not revoked.
	RuleKeys = "L4_keys"
	// RuleProof: a link proof by an active key of the citizen.
	RuleProof = "L5_proof"
	// RuleState: without an active key or an OpenID provider the identifiers
	// are deactivated.
	RuleState = "L6_state"
	// RuleDeletion: 410 for both identifiers is deleted; for one it is an
	// error.
	RuleDeletion = "L7_deletion"
)

const specLink = "WebID and DID link"

// LinkResult is what VerifyLink found. Status is set only if no check failed;
// Keys, OIDCIssuer, Storage and Proof only if it is Active.
type LinkResult struct {
	WebID, DID string
	Status     Status
	Checks     credential.Report
	// Keys are the active keys by fragment. They are the same in both
	// documents.
	Keys map[string]crypto.PublicKey
	// Encryption is the key to encrypt to, nil unless the citizen's link proof
	// names it.
	Encryption crypto.PublicKey
	OIDCIssuer string
	Storage    string
	Proof      LinkProof
}

// VerifyLink judges a WebID and its DID from the outside, starting from either.
// An error means that a document could not be had, so that nothing is known;
// whatever was found, good or bad, is in the result.
func VerifyLink(ctx context.Context, id string, fetcher Fetcher, options ...Option) (LinkResult, error) {
	v := linkVerification{fetcher: fetcher, settings: with(options), options: options}
	err := v.run(ctx, id)
	return v.result, err
}

type linkVerification struct {
	fetcher  Fetcher
	settings settings
	options  []Option
	result   LinkResult
}

func (v *linkVerification) run(ctx context.Context, id string) error {
	r := &v.result
	// 1. Both identifiers, computed.
	if !v.mapped(id) {
		return nil
	}
	// 2. Both documents, and what their status says.
	webid, webidStatus, err := v.get(ctx, r.WebID, JSONLD)
	if err != nil {
		return err
	}
	did, didStatus, err := v.get(ctx, DIDDocumentURL(r.WebID), acceptDID)
	if err != nil {
		return err
	}
	if webidStatus == http.StatusGone || didStatus == http.StatusGone {
		if webidStatus != didStatus {
			r.Checks.Fail(RuleDeletion, specLink, fmt.Sprintf("WebID answers %d and DID document %d; a deleted pair answers 410 for both", webidStatus, didStatus))
			return nil
		}
		r.Checks.Pass(RuleDeletion, specLink, "both answer 410")
		r.Status = Deleted
		return nil
	}
	if webidStatus != http.StatusOK || didStatus != http.StatusOK {
		r.Checks.Fail(RuleDocuments, specLink, fmt.Sprintf("WebID answers %d and DID document %d, expected 200 for both", webidStatus, didStatus))
		return nil
	}
	profile, err := parseWebIDDocument(r.WebID, webid)
	if err != nil {
		r.Checks.Fail(RuleDocuments, "Controlled Identifiers 1.0, Section 2.1.1", "WebID document: "+err.Error())
		return nil
	}
	doc, err := documentOf(r.DID, did)
	if err != nil {
		r.Checks.Fail(RuleDocuments, "DID Core 1.0, Section 5.1.1", "DID document: "+err.Error())
		return nil
	}
	r.Checks.Pass(RuleDocuments, "Controlled Identifiers 1.0, Section 2.1.1", "both answer with their own id")
	// 3. alsoKnownAs, both ways.
	if !only(profile.AlsoKnownAs, r.DID) || !only(doc.AlsoKnownAs, r.WebID) {
		r.Checks.Fail(RuleReciprocal, "Controlled Identifiers 1.0, Section 2.1.3", "alsoKnownAs of each document must name the other identifier, and no second WebID or did:web")
		return nil
	}
	r.Checks.Pass(RuleReciprocal, "Controlled Identifiers 1.0, Section 2.1.3", "alsoKnownAs is reciprocal")
	// 4. One set of active keys.
	now := v.settings.now()
	keys, err := sameKeys(&profile.Document, doc, now)
	if err != nil {
		r.Checks.Fail(RuleKeys, "Controlled Identifiers 1.0, Section 3.3", err.Error())
		return nil
	}
	r.Checks.Pass(RuleKeys, "Controlled Identifiers 1.0, Section 3.3", fmt.Sprintf("%d active, the same in both", len(keys)))
	// 6. before 5: a deactivated pair has nothing to prove a link with.
	if len(keys) == 0 || profile.OIDCIssuer == "" {
		r.Checks.Skip(RuleProof, specLink, "no link proof is asked of a deactivated pair")
		r.Checks.Pass(RuleState, specLink, "deactivated: no active key or no OpenID provider")
		r.Status = Deactivated
		return nil
	}
	// 5. The citizen's own word.
	proof, err := v.proof(ctx, doc, keys, now)
	var unreachable *fetchError
	if errors.As(err, &unreachable) {
		return err
	}
	if err != nil {
		r.Checks.Fail(RuleProof, specLink, err.Error())
		return nil
	}
	r.Checks.Pass(RuleProof, specLink, "signed by an active key, until "+proof.Expires.Format(time.RFC3339))
	r.Checks.Pass(RuleState, specLink, "active")
	r.Status, r.Keys, r.Proof = Active, keys, proof
	r.OIDCIssuer, r.Storage = profile.OIDCIssuer, profile.Storage
	r.Encryption = encryptionKey(doc, proof, now)
	return nil
}

// mapped computes both identifiers from the one given.
func (v *linkVerification) mapped(id string) bool {
	r := &v.result
	var err error
	if strings.HasPrefix(id, "did:") {
		r.DID = id
		r.WebID, err = WebIDFromDID(id, v.options...)
	} else {
		r.WebID = id
		r.DID, err = DIDOf(id, v.options...)
	}
	if err != nil {
		r.Checks.Fail(RuleMapping, specLink, err.Error())
		return false
	}
	// The bijection holds by construction; that it does is checked all the same.
	back, errDID := WebIDFromDID(r.DID, v.options...)
	forth, errWebID := DIDOf(r.WebID, v.options...)
	if errDID != nil || errWebID != nil || back != r.WebID || forth != r.DID {
		r.Checks.Fail(RuleMapping, specLink, "the identifiers are not each other's image")
		return false
	}
	r.Checks.Pass(RuleMapping, specLink, "each is the other's image")
	return true
}

// fetchError marks what could not be fetched and so could not be judged.
type fetchError struct{ error }

func (e *fetchError) Unwrap() error { return e.error }

// get reads a resource. Server errors and a missing answer are errors; other
// statuses are findings.
func (v *linkVerification) get(ctx context.Context, url, accept string) ([]byte, int, error) {
	b, err := fetch(ctx, v.fetcher, url, accept)
	code := status(err)
	switch {
	case err == nil:
		return b, code, nil
	case code == 0 || code >= 500 || code == http.StatusTooManyRequests:
		return nil, code, &fetchError{fmt.Errorf("fetching a document of the WebID: %w", err)}
	default:
		return nil, code, nil
	}
}

// solidProfile is a WebID document as this package publishes it.
type solidProfile struct {
	Document
	OIDCIssuer, Storage string
}

// parseWebIDDocument reads a WebID document as plain JSON. Its @context must
// be the one of this package, because only then do the names mean what they
// mean here (Controlled Identifiers 1.0, Section 4.1).
func parseWebIDDocument(webid string, b []byte) (*solidProfile, error) {
	doc, err := documentOf(webid, b)
	if err != nil {
		return nil, err
	}
	var terms struct {
		Context    jsontext.Value `json:"@context"`
		OIDCIssuer string         `json:"oidcIssuer"`
		Storage    string         `json:"storage"`
	}
	if err := jose.Unmarshal(b, &terms); err != nil {
		return nil, fmt.Errorf("%w: oidcIssuer and storage must each be one URL", ErrDocument)
	}
	if !sameJSON(terms.Context, webidContext) {
		return nil, fmt.Errorf("%w: @context is not that of a vault's WebID document", ErrDocument)
	}
	for _, url := range []string{terms.OIDCIssuer, terms.Storage} {
		if url != "" && !placeURL(url) {
			return nil, fmt.Errorf("%w: oidcIssuer and storage must be https URLs", ErrDocument)
		}
	}
	return &solidProfile{Document: *doc, OIDCIssuer: terms.OIDCIssuer, Storage: terms.Storage}, nil
}

func sameJSON(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && bytes.Equal(a, b)
}

// only reports whether names holds id and no other https WebID or did:web,
// which would make the link ambiguous. Other methods may stand beside it.
func only(names Set, id string) bool {
	found := false
	for _, n := range names {
		switch {
		case n == id:
			found = true
		case strings.HasPrefix(n, "https://"), strings.HasPrefix(n, "http://"), strings.HasPrefix(n, "did:web:"):
			return false
		}
	}
	return found
}

// activeKeys are the keys of a document that may sign now, by fragment. A key
// listed under assertionMethod that cannot be read is an error: it would hide
// a difference.
func activeKeys(d *Document, now time.Time) (map[string]crypto.PublicKey, error) {
	keys := map[string]crypto.PublicKey{}
	for _, r := range d.AssertionMethod {
		id, m := r.ID, r.Method
		if m == nil {
			m = d.listed(id, AssertionMethod)
		} else {
			id = m.ID
		}
		if m == nil {
			return nil, errors.New("assertionMethod names a verification method that is not in the document")
		}
		if !m.Revoked.IsZero() && !now.Before(m.Revoked) {
			continue
		}
		pub, err := d.Method(id, AssertionMethod, now)
		if err != nil {
			return nil, err
		}
		if m.Type != TypeMultikey {
			return nil, errors.New("an active key is not a Multikey")
		}
		keys[id[len(d.ID)+1:]] = pub
	}
	return keys, nil
}

// sameKeys compares the active keys of both documents.
func sameKeys(webid, did *Document, now time.Time) (map[string]crypto.PublicKey, error) {
	a, err := activeKeys(webid, now)
	if err != nil {
		return nil, fmt.Errorf("WebID document: %w", err)
	}
	b, err := activeKeys(did, now)
	if err != nil {
		return nil, fmt.Errorf("DID document: %w", err)
	}
	if len(a) != len(b) {
		return nil, fmt.Errorf("the WebID document has %d active keys and the DID document %d", len(a), len(b))
	}
	for fragment, pub := range a {
		other, ok := b[fragment]
		if !ok {
			return nil, errors.New("an active key of the WebID document is not active in the DID document")
		}
		if eq, ok := pub.(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(other) {
			return nil, errors.New("a key has other bytes in the DID document than in the WebID document")
		}
	}
	return a, nil
}

// proof fetches the link proof at its one address and verifies it.
func (v *linkVerification) proof(ctx context.Context, doc *Document, keys map[string]crypto.PublicKey, now time.Time) (LinkProof, error) {
	r := &v.result
	if n := serviceEndpoints(doc, ServiceLink); len(n) != 1 || n[0] != LinkProofURL(r.WebID) {
		return LinkProof{}, fmt.Errorf("the DID document must have one service %s whose endpoint is the WebID followed by /link.jwt", ServiceLink)
	}
	b, code, err := v.get(ctx, LinkProofURL(r.WebID), "application/jwt")
	if err != nil {
		return LinkProof{}, err
	}
	if code != http.StatusOK {
		return LinkProof{}, fmt.Errorf("the link proof answers %d, expected 200", code)
	}
	return verifyLinkProof(strings.TrimSpace(string(b)), r.WebID, r.DID, now, func(kid string) (crypto.PublicKey, error) {
		base, fragment, _ := strings.Cut(kid, "#")
		pub, ok := keys[fragment]
		if base != r.DID || !ok {
			return nil, errors.New("kid is not an active key of the DID")
		}
		return pub, nil
	})
}

func serviceEndpoints(d *Document, typ string) []string {
	var out []string
	for _, s := range d.Service {
		for _, t := range s.Type {
			if t == typ {
				url, _ := s.Endpoint()
				out = append(out, url)
			}
		}
	}
	return out
}

// encryptionKey is the key that the citizen named, if the document lists it.
func encryptionKey(d *Document, proof LinkProof, now time.Time) crypto.PublicKey {
	for _, r := range d.KeyAgreement {
		id := r.ID
		if r.Method != nil {
			id = r.Method.ID
		}
		pub, err := d.Method(id, KeyAgreement, now)
		if err != nil {
			continue
		}
		if text, err := EncodeMultikey(pub); err == nil && text == proof.Encryption {
			return pub
		}
	}
	return nil
}
