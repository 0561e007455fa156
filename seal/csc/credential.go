package csc

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
)

// Info is what a provider says of itself (CSC API v2, Section 11.1). Members
// that are not used here are left out.
type Info struct {
	Specs   string   `json:"specs"`
	Name    string   `json:"name"`
	Region  string   `json:"region"`
	Methods []string `json:"methods"`
	// AuthType are the ways to get a service token, such as oauth2client.
	AuthType []string `json:"authType"`
	// OAuth2 and OAuth2Issuer say where its authorization server is.
	OAuth2       string `json:"oauth2"`
	OAuth2Issuer string `json:"oauth2Issuer"`
}

// Info asks the provider what it is.
func (c *Client) Info(ctx context.Context) (info Info, err error) {
	err = c.ask(ctx, "info", struct{}{}, &info)
	return info, err
}

// Credentials lists the ids of the credentials that the service token may use
// (Section 11.4).
func (c *Client) Credentials(ctx context.Context) ([]string, error) {
	var list struct {
		IDs []string `json:"credentialIDs"`
	}
	err := c.ask(ctx, "credentials/list", struct{}{}, &list)
	return list.IDs, err
}

// Credential is what a provider says of a credential (Section 11.5).
type Credential struct {
	Description string `json:"description"`
	// SignatureQualifier is such as eu_eidas_qeseal.
	SignatureQualifier string `json:"signatureQualifier"`
	Key                struct {
		Status string   `json:"status"` // enabled, disabled
		Algo   []string `json:"algo"`   // OIDs of the key or of signatures
		Len    int      `json:"len"`    // bits
		Curve  string   `json:"curve"`  // OID, EC only
	} `json:"key"`
	Cert struct {
		Status       string   `json:"status"` // valid, expired, revoked, suspended; may be missing
		Certificates []string `json:"certificates"`
	} `json:"cert"`
	Auth struct {
		Mode       string       `json:"mode"`       // explicit, oauth2code
		Expression string       `json:"expression"` // such as PIN AND OTP
		Objects    []AuthObject `json:"objects"`
	} `json:"auth"`
	// SCAL 2 binds an authorization to hashes (Section 8.2); none is 1.
	SCAL string `json:"SCAL"`
	// Multisign is how many hashes one authorization may be for.
	Multisign int `json:"multisign"`
}

// AuthObject is something that an explicit authorization must be given (Section
// 8.3).
type AuthObject struct {
	Type      string `json:"type"`      // such as Password
	ID        string `json:"id"`        // such as PIN
	Generator string `json:"generator"` // such as totp
}

// oneTime says that the value is another each time. (OTP is a type of version 1.)
func (o AuthObject) oneTime() bool { return o.Generator != "" || o.Type == "OTP" }

// inBand says that the value can be said at once, without a challenge and
// without another channel.
func (o AuthObject) inBand() bool { return o.Type == "Password" || o.Type == "OTP" }

// Credential asks what a credential is, with its certificates.
func (c *Client) Credential(ctx context.Context, id string) (cred Credential, err error) {
	err = c.ask(ctx, "credentials/info", map[string]any{
		"credentialID": id, "certificates": "chain", "certInfo": true, "authInfo": true,
	}, &cred)
	return cred, err
}

// check holds a credential against the chain that it is expected to have, leaf
// first, and the scheme of its key.
func (cred *Credential) check(chain []*x509.Certificate, s scheme) error {
	fail := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrCredential}, a...)...)
	}
	switch {
	case cred.Key.Status != "enabled":
		return fail("key.status is not enabled")
	case cred.Cert.Status != "" && cred.Cert.Status != "valid":
		return fail("cert.status is not valid")
	case !slices.ContainsFunc(cred.Key.Algo, s.knows):
		return fail("key.algo does not have %s", s.oid)
	case cred.Key.Len != 0 && cred.Key.Len != s.bits:
		return fail("key.len is %d, the certificate's key has %d bits", cred.Key.Len, s.bits)
	case cred.Key.Curve != "" && cred.Key.Curve != s.curve:
		return fail("key.curve is not that of the certificate")
	case cred.Multisign < 1:
		return fail("multisign is missing or below 1")
	case slices.ContainsFunc(cred.Auth.Objects, func(o AuthObject) bool { return !o.inBand() }):
		return fail("auth.objects asks for more than a password; challenges and what is given out of band are not supported")
	case cred.SCAL != "" && cred.SCAL != "1" && cred.SCAL != "2":
		return fail("SCAL is neither 1 nor 2")
	case len(cred.Cert.Certificates) == 0:
		return fail("cert.certificates is empty")
	}
	for i, text := range cred.Cert.Certificates {
		if i == len(chain) {
			break // what comes above what we were given
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fail("cert.certificates[%d] is not base64", i)
		}
		if !bytes.Equal(der, chain[i].Raw) {
			return fail("cert.certificates[%d] is another certificate than the one expected; seal with a new Signer once the new certificate is published", i)
		}
	}
	return nil
}
