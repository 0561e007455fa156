package ecdsasd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
)

func Example() {
	processor := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	issuer, err := did.DIDKey(key.Public())
	if err != nil {
		panic(err)
	}

	// The issuer, who fixes what no holder may leave out.
	signer, err := ecdsasd.NewSigner(processor, ecdsasd.Options{Key: key, Mandatory: []string{"/issuer"}, MandatoryIfPresent: ecdsasd.Essential()})
	if err != nil {
		panic(err)
	}
	template, err := dataintegrity.NewTemplate(dataintegrity.Options{
		Signer: signer, VerificationMethod: issuer + "#" + strings.TrimPrefix(issuer, "did:key:"),
		Purpose: did.AssertionMethod, Contexts: []string{contexts.CredentialsV2},
	})
	if err != nil {
		panic(err)
	}
	now := time.Now()
	credential := `{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential"],"issuer":"` + issuer +
		`","validUntil":"2099-01-01T00:00:00Z","credentialSubject":{"name":"A. Student","description":"first in her class"}}`
	signed, err := template.Add([]byte(credential), dataintegrity.Terms{Created: now})
	if err != nil {
		panic(err)
	}

	// The holder, who shows a name and no more.
	shown, err := ecdsasd.Derive(processor, signed, []string{"/credentialSubject/name"})
	if err != nil {
		panic(err)
	}

	// The verifier, who must know until when it holds.
	verified, err := dataintegrity.Verify(context.Background(), shown, dataintegrity.Policy{
		Now: now, Suites: []dataintegrity.Suite{ecdsasd.Derived(processor, "/issuer", "/validUntil")},
		Skew: time.Second, Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod,
		Controllers: []string{issuer}, Contexts: []string{contexts.CredentialsV2},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.ReplaceAll(string(verified.Document), issuer, "ISSUER"))
	// Output: {"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential"],"issuer":"ISSUER","validUntil":"2099-01-01T00:00:00Z","credentialSubject":{"name":"A. Student"}}
}
