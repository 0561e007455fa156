// Package contexts holds the JSON-LD contexts that the product publishes and
// processes, inside the program and checked against their digests, and the
// closed loader that serves them.
//
// It is not a cache: a context that is not embedded is an error and never a
// request to the network. Whoever could answer such a request could change
// what a signed document says (VC Data Integrity 1.0, Sections 2.4 and 4.6).
// jsonld/SOURCES.md says where each file comes from.
package contexts

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/internal/jose"
)

// URLs of the embedded contexts.
const (
	DIDv1               = "https://www.w3.org/ns/did/v1"
	DIDv11              = "https://www.w3.org/ns/did/v1.1"
	CIDv1               = "https://www.w3.org/ns/cid/v1"
	MultikeyV1          = "https://w3id.org/security/multikey/v1"
	JWKv1               = "https://w3id.org/security/jwk/v1"
	JWS2020v1           = "https://w3id.org/security/suites/jws-2020/v1"
	DataIntegrityV2     = "https://w3id.org/security/data-integrity/v2"
	CredentialsV1       = "https://www.w3.org/2018/credentials/v1"
	CredentialsV2       = "https://www.w3.org/ns/credentials/v2"
	CredentialsStatusV1 = "https://www.w3.org/ns/credentials/status/v1"

	// Our own: docs/decisions/0020-own-elm-context.md says why.

	// ELMv1 stands beside CredentialsV2 for the terms of the European Learning
	// Model.
	ELMv1 = "https://zegel-id.github.io/contexts/elm/v1.jsonld"
	// LeercredentialV1 stands beside CredentialsV2 for the terms of OSLO
	// Leercredential.
	LeercredentialV1 = "https://zegel-id.github.io/contexts/leercredential/v1.jsonld"
)

var (
	// ErrUnknown is returned for a URL that is not embedded.
	ErrUnknown = errors.New("contexts: not an embedded context; contexts are never fetched (VC Data Integrity 1.0, Section 2.4)")
	// ErrDigest is returned for every URL when an embedded file is not the
	// file whose digest the list states: the program was not built from the
	// sources it claims.
	ErrDigest = errors.New("contexts: an embedded context does not have its digest")
)

//go:embed jsonld/*.jsonld
var files embed.FS

// digests says which bytes belong to which URL: the SHA-256 of each file, as
// the specifications state it where they do. Credentials are signed over what
// our own files say: a change of one is a new URL.
var digests = []struct{ url, file, sha256 string }{
	{DIDv1, "did-v1.jsonld", "4f3eae5568c9c5f036a082088f9e192019ee06faa78973c87ff91d5421b88dad"},
	{DIDv11, "did-v1.1.jsonld", "ea216ecc1cb02cd39b693dba2250141e270ba0bf95890be107dd9a9e8e43de85"},
	{CIDv1, "cid-v1.jsonld", "ea216ecc1cb02cd39b693dba2250141e270ba0bf95890be107dd9a9e8e43de85"},
	{MultikeyV1, "multikey-v1.jsonld", "ba2c182de2d92f7e47184bcca8fcf0beaee6d3986c527bf664c195bbc7c58597"},
	{JWKv1, "jwk-v1.jsonld", "0f14b62f6071aafe00df265770ea0c7508e118247d79b7d861a406d2aa00bece"},
	{JWS2020v1, "jws-2020-v1.jsonld", "d648e05ddc6577827ca2bfd5e931f53e9ebc6e52a57a8da81df4ec8c46ffcd1e"},
	{DataIntegrityV2, "data-integrity-v2.jsonld", "67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4"},
	{CredentialsV1, "credentials-v1.jsonld", "ab4ddd9a531758807a79a5b450510d61ae8d147eab966cc9a200c07095b0cdcc"},
	{CredentialsV2, "credentials-v2.jsonld", "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734"},
	{CredentialsStatusV1, "credentials-status-v1.jsonld", "fda5add353231e6a6884a46b12e6c75464281900cb348284d9c360f62381d9f7"},
	{ELMv1, "elm-v1.jsonld", "a619f1d32b378d44e26b055deadc2913d47c2efa4ff311e3f54db23aa91437e0"},
	{LeercredentialV1, "leercredential-v1.jsonld", "f097a23e4d86d14972c71be7d98d3d13c1685ce676c0bdcfaf9828fd62af75ae"},
}

var load = sync.OnceValues(func() (map[string][]byte, error) {
	all := make(map[string][]byte, len(digests))
	for _, d := range digests {
		b, err := files.ReadFile("jsonld/" + d.file)
		if err != nil {
			return nil, fmt.Errorf("%w: %s is missing", ErrDigest, d.file)
		}
		if err := check(b, d.sha256); err != nil {
			return nil, fmt.Errorf("%w: %s", err, d.file)
		}
		all[d.url] = b
	}
	return all, nil
})

func check(b []byte, want string) error {
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
		return ErrDigest
	}
	return nil
}

// Document returns the bytes of the context at url, exactly as published. The
// caller owns them.
func Document(url string) ([]byte, error) {
	all, err := load()
	if err != nil {
		return nil, err
	}
	b, ok := all[url]
	if !ok {
		return nil, ErrUnknown
	}
	return slices.Clone(b), nil
}

// URLs lists the embedded contexts in a fixed order.
func URLs() []string {
	urls := make([]string, len(digests))
	for i, d := range digests {
		urls[i] = d.url
	}
	return urls
}

// Loader is a json-gold DocumentLoader over the embedded contexts. Each
// answer is a fresh value, so that a processor that changes it changes nothing
// for others.
type Loader struct{}

var _ ld.DocumentLoader = Loader{}

// LoadDocument implements ld.DocumentLoader.
func (Loader) LoadDocument(url string) (*ld.RemoteDocument, error) {
	b, err := Document(url)
	if err != nil {
		return nil, ld.NewJsonLdError(ld.LoadingDocumentFailed, err)
	}
	var doc any
	if err := jose.Unmarshal(b, &doc); err != nil {
		return nil, ld.NewJsonLdError(ld.LoadingDocumentFailed, err)
	}
	return &ld.RemoteDocument{DocumentURL: url, Document: doc}, nil
}
