package oid4vci

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Every list of the metadata is bounded: as long as it may be is read, one more
// is not, and none where it must hold something is not either (OpenID4VCI 1.0,
// Section 12.2.4: non-empty arrays).
func TestMetadataBounds(t *testing.T) {
	names := func(n int) (out []string) {
		out = []string{}
		for i := range n {
			out = append(out, fmt.Sprint("n", i))
		}
		return out
	}
	key := func(n int) (out []jose.JWK) {
		out = []jose.JWK{}
		for i := range n {
			out = append(out, jose.JWK{
				Kty: "EC", Crv: "P-256", Kid: fmt.Sprint(i), Use: "enc", Alg: AlgECDHES,
				X: "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", Y: "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
			})
		}
		return out
	}
	configured := func(change func(c *CredentialConfiguration, n int)) func(*CredentialIssuerMetadata, int) {
		return func(m *CredentialIssuerMetadata, n int) {
			c := m.CredentialConfigurationsSupported["a"]
			change(&c, n)
			m.CredentialConfigurationsSupported = map[string]CredentialConfiguration{"a": c}
		}
	}
	proof := func(change func(p *KeyProof, n int)) func(*CredentialIssuerMetadata, int) {
		return configured(func(c *CredentialConfiguration, n int) {
			p := KeyProof{ProofSigningAlgValuesSupported: []string{"ES256"}, KeyAttestationsRequired: &KeyAttestationsRequired{}}
			change(&p, n)
			c.ProofTypesSupported = map[ProofType]KeyProof{ProofJWT: p}
		})
	}
	for _, c := range []struct {
		field string
		most  int
		set   func(m *CredentialIssuerMetadata, n int)
	}{
		{"authorization_servers", MaxList, func(m *CredentialIssuerMetadata, n int) {
			m.AuthorizationServers = []string{}
			for i := range n {
				m.AuthorizationServers = append(m.AuthorizationServers, fmt.Sprintf("https://as%d.example", i))
			}
		}},
		{"display", MaxList, func(m *CredentialIssuerMetadata, n int) {
			m.Display = []IssuerDisplay{}
			for _, l := range names(n) {
				m.Display = append(m.Display, IssuerDisplay{Name: "x", Locale: l})
			}
		}},
		{"credential_request_encryption.jwks", wire.MaxKeys, func(m *CredentialIssuerMetadata, n int) { m.CredentialRequestEncryption.JWKS.Keys = key(n) }},
		{"credential_request_encryption.enc_values_supported", MaxList, func(m *CredentialIssuerMetadata, n int) { m.CredentialRequestEncryption.EncValuesSupported = names(n) }},
		{"credential_request_encryption.zip_values_supported", MaxList, func(m *CredentialIssuerMetadata, n int) { m.CredentialRequestEncryption.ZipValuesSupported = names(n) }},
		{"credential_response_encryption.alg_values_supported", MaxList, func(m *CredentialIssuerMetadata, n int) { m.CredentialResponseEncryption.AlgValuesSupported = names(n) }},
		{"credential_response_encryption.enc_values_supported", MaxList, func(m *CredentialIssuerMetadata, n int) { m.CredentialResponseEncryption.EncValuesSupported = names(n) }},
		{"credential_response_encryption.zip_values_supported", MaxList, func(m *CredentialIssuerMetadata, n int) { m.CredentialResponseEncryption.ZipValuesSupported = names(n) }},
		{"credential_configurations_supported", 4 * MaxList, func(m *CredentialIssuerMetadata, n int) {
			one := m.CredentialConfigurationsSupported["a"]
			m.CredentialConfigurationsSupported = map[string]CredentialConfiguration{}
			for _, id := range names(n) {
				m.CredentialConfigurationsSupported[id] = one
			}
		}},
		{"credential_signing_alg_values_supported", MaxList, configured(func(c *CredentialConfiguration, n int) {
			c.CredentialSigningAlgValuesSupported = []any{}
			for _, v := range names(n) {
				c.CredentialSigningAlgValuesSupported = append(c.CredentialSigningAlgValuesSupported, v)
			}
		})},
		{"cryptographic_binding_methods_supported", MaxList, configured(func(c *CredentialConfiguration, n int) { c.CryptographicBindingMethodsSupported = names(n) })},
		{"proof_types_supported", MaxList, configured(func(c *CredentialConfiguration, n int) {
			c.ProofTypesSupported = map[ProofType]KeyProof{}
			for _, name := range names(n) {
				c.ProofTypesSupported[ProofType(name)] = KeyProof{ProofSigningAlgValuesSupported: []string{"ES256"}}
			}
		})},
		{"proof_signing_alg_values_supported", MaxList, proof(func(p *KeyProof, n int) { p.ProofSigningAlgValuesSupported = names(n) })},
		{"key_storage", MaxList, proof(func(p *KeyProof, n int) { p.KeyAttestationsRequired.KeyStorage = names(n) })},
		{"user_authentication", MaxList, proof(func(p *KeyProof, n int) { p.KeyAttestationsRequired.UserAuthentication = names(n) })},
		{"credential_metadata.display", MaxList, configured(func(c *CredentialConfiguration, n int) {
			c.CredentialMetadata.Display = []CredentialDisplay{}
			for _, l := range names(n) {
				c.CredentialMetadata.Display = append(c.CredentialMetadata.Display, CredentialDisplay{Name: "x", Locale: l})
			}
		})},
		{"credential_metadata.claims", maxClaimList, configured(func(c *CredentialConfiguration, n int) {
			c.CredentialMetadata.Claims = []ClaimDescription{}
			for _, name := range names(n) {
				c.CredentialMetadata.Claims = append(c.CredentialMetadata.Claims, ClaimDescription{Path: credential.Path{name}})
			}
		})},
		{"claims[0].display", MaxList, configured(func(c *CredentialConfiguration, n int) {
			d := ClaimDescription{Path: credential.Path{"x"}, Display: []ClaimDisplay{}}
			for _, l := range names(n) {
				d.Display = append(d.Display, ClaimDisplay{Name: "x", Locale: l})
			}
			c.CredentialMetadata.Claims = []ClaimDescription{d}
		})},
		{"credential_definition.type", MaxList, configured(func(c *CredentialConfiguration, n int) {
			c.Format = string(credential.FormatLDP)
			b, _ := jose.Marshal(map[string][]string{"type": names(n)})
			c.CredentialDefinition = b
		})},
	} {
		t.Run(c.field, func(t *testing.T) {
			try := func(n int) error {
				m := CredentialIssuerMetadata{
					CredentialIssuer: "https://i.example", CredentialEndpoint: "https://i.example/c",
					CredentialRequestEncryption:  &CredentialRequestEncryption{JWKS: JWKS{Keys: key(1)}, EncValuesSupported: ContentEncryption()},
					CredentialResponseEncryption: &CredentialResponseEncryption{AlgValuesSupported: []string{AlgECDHES}, EncValuesSupported: ContentEncryption()},
					CredentialConfigurationsSupported: map[string]CredentialConfiguration{"a": {
						Format: string(credential.FormatSDJWTVC), VCT: "v", CryptographicBindingMethodsSupported: []string{"jwk"},
						ProofTypesSupported: map[ProofType]KeyProof{ProofJWT: {ProofSigningAlgValuesSupported: []string{"ES256"}}}, CredentialMetadata: &CredentialMetadata{},
					}},
				}
				c.set(&m, n)
				return m.Validate()
			}
			if err := try(c.most); err != nil {
				t.Errorf("%d: %v", c.most, err)
			}
			for _, n := range []int{0, c.most + 1} {
				var e *Error
				if err := try(n); !errors.As(err, &e) || !strings.Contains(e.Field, c.field) {
					t.Errorf("%d: %v", n, err)
				}
			}
		})
	}
}

// So is every list of the authorization server's: each member of the type that
// is a list is tried, so that none is forgotten.
func TestServerMetadataBounds(t *testing.T) {
	tried := 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[AuthorizationServerMetadata]()) {
		if f.Type.Kind() != reflect.Slice {
			continue
		}
		tried++
		for n, good := range map[int]bool{0: true, 4 * MaxList: true, 4*MaxList + 1: false} {
			m := AuthorizationServerMetadata{Issuer: "https://a.example", TokenEndpoint: "https://a.example/t"}
			reflect.ValueOf(&m).Elem().FieldByIndex(f.Index).Set(reflect.ValueOf(make([]string, n)))
			err := m.Validate()
			var e *Error
			if good != (err == nil) || !good && (!errors.As(err, &e) || e.Field != strings.Split(f.Tag.Get("json"), ",")[0]) {
				t.Errorf("%s with %d: %v", f.Name, n, err)
			}
		}
	}
	if tried < 10 {
		t.Errorf("%d lists", tried)
	}
}
