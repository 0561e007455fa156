package sdjwt_test

import (
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
)

// vc+sd-jwt was the typ of SD-JWT VC and is that of a W3C credential
// (VC-JOSE-COSE, Section 3.2.1): neither passes for the other.
func TestW3C(t *testing.T) {
	p := parties()
	template, err := sdjwt.NewTemplate(sdjwt.Options{Profile: sdjwt.ProfileW3C})
	if err != nil {
		t.Fatal(err)
	}
	d, err := template.Prepare(sdjwt.Credential{IssuedAt: now, Expires: now.AddDate(0, 3, 0), Claims: []byte(`{"type":["VerifiableCredential"]}`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Seal(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	w3c, plain := p.plain(), p.plain()
	w3c.W3C = true
	w3c.VCT, plain.VCT = nil, nil
	if v, err := sdjwt.Verify(text, w3c); err != nil || v.IssuerToken.Header.Typ != sdjwt.TypW3C {
		t.Error(err)
	}
	_, err = sdjwt.Verify(text, plain)
	wantCheck(t, "as SD-JWT VC", err, credential.CheckType)
	plain.Typ = sdjwt.TypLegacyVC
	_, err = sdjwt.Verify(text, plain)
	wantCheck(t, "as legacy SD-JWT VC", err, credential.CheckType) // no vct
	vc := p.issue(t, []byte(`{"a":1}`))
	_, err = sdjwt.Verify(vc, w3c)
	wantCheck(t, "SD-JWT VC as W3C", err, credential.CheckType)
	w3c.Typ = sdjwt.TypVC
	_, err = sdjwt.Verify(vc, w3c)
	wantCheck(t, "SD-JWT VC as W3C with its typ", err, credential.CheckType)

	for _, o := range []sdjwt.Options{{Type: typeURL}, {TypeIntegrity: "sha256-x"}, {OtherTypes: []string{typeURL}}, {Category: sdjwt.CategoryPubEAA}} {
		o.Profile = sdjwt.ProfileW3C
		_, err := sdjwt.NewTemplate(o)
		if err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
