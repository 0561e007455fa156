package bbs2023_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/bbs"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/bbs2023"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
)

func Example() {
	processor := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	key, err := bbs.GenerateKey(rand.Reader, bbs.SHA256)
	if err != nil {
		panic(err)
	}
	issuer, err := did.DIDKey(did.BBSPublicKey(key.PublicKey().Bytes()))
	if err != nil {
		panic(err)
	}

	// The issuer, who fixes what no holder may leave out.
	signer, err := bbs2023.NewSigner(processor, bbs2023.Options{Key: key, Mandatory: []string{"/issuer"}})
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
		`","credentialSubject":{"name":"A. Student","description":"first in her class"}}`
	signed, err := template.Add([]byte(credential), dataintegrity.Terms{Created: now})
	if err != nil {
		panic(err)
	}

	// The holder, who shows a name to one verifier, once.
	header := bbs2023.PresentationHeader("verifier.example", "a challenge of the verifier")
	shown, err := bbs2023.Derive(rand.Reader, processor, signed, []string{"/credentialSubject/name"}, header)
	if err != nil {
		panic(err)
	}

	// The verifier, who sent the challenge.
	verified, err := dataintegrity.Verify(context.Background(), shown, dataintegrity.Policy{
		Now: now, Suites: []dataintegrity.Suite{bbs2023.Derived(processor, bbs2023.Expect{PresentationHeader: header, Required: []string{"/issuer"}})},
		Skew: time.Second, Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod,
		Controllers: []string{issuer}, Contexts: []string{contexts.CredentialsV2},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.ReplaceAll(string(verified.Document), issuer, "ISSUER"))
	// Output: {"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential"],"issuer":"ISSUER","credentialSubject":{"name":"A. Student"}}
}
