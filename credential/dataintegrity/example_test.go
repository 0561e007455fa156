package dataintegrity_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
)

func Example() {
	processor := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	issuer, err := did.DIDKey(key.Public())
	if err != nil {
		panic(err)
	}

	// The issuer.
	signer, err := dataintegrity.NewEdDSARDFC2022(processor, key)
	if err != nil {
		panic(err)
	}
	template, err := dataintegrity.NewTemplate(dataintegrity.Options{
		Signer: signer, VerificationMethod: issuer + "#" + issuer[len("did:key:"):],
		Purpose: did.AssertionMethod, Contexts: []string{contexts.CredentialsV2},
	})
	if err != nil {
		panic(err)
	}
	document := `{"@context":["https://www.w3.org/ns/credentials/v2"],"type":"VerifiableCredential","issuer":"` + issuer + `","credentialSubject":{"name":"A. Student"}}`
	signed, err := template.Add([]byte(document), dataintegrity.Terms{Created: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		panic(err)
	}

	// The verifier, who trusts this issuer.
	verified, err := dataintegrity.Verify(context.Background(), signed, dataintegrity.Policy{
		Now:      time.Date(2026, 11, 25, 13, 0, 0, 0, time.UTC),
		Suites:   []dataintegrity.Suite{dataintegrity.EdDSARDFC2022(processor)},
		Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod,
		Controllers: []string{issuer}, Contexts: []string{contexts.CredentialsV2},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(verified.Document) == document, verified.Proofs[0].Cryptosuite)
	// Output: true eddsa-rdfc-2022
}
