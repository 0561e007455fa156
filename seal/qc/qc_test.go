package qc_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/qc"
)

func golden(t testing.TB) *x509.Certificate {
	block, _ := pem.Decode(testvectors.File(t, "jades-golden", "seal.pem"))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGoldenSealCertificate(t *testing.T) {
	c := golden(t)
	s, found, err := qc.Of(c, nil)
	if err != nil || !found {
		t.Fatalf("found %t, error %v", found, err)
	}
	want := qc.Statements{
		Compliance: true, SSCD: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal},
		Disclosures: []qc.Disclosure{{URL: "https://qtsp.example.be/pds_en.pdf", Language: "en"}},
		PublicBody: &qc.PublicBody{Country: "BE", Source: "Databank Leer- en Ervaringsbewijzen (LED) (TEST)",
			Legislation: "urn:be:vlaanderen:codex-onderwijs:led (TEST)"},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("found %+v, expected %+v", s, want)
	}
	if !s.Seal() {
		t.Error("the certificate is one for seals")
	}
	// Written again it must be the same bytes.
	ext, err := s.Extension(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(qc.ExtensionID) && string(e.Value) != string(ext.Value) {
			t.Errorf("written %x, expected %x", ext.Value, e.Value)
		}
	}
	o, err := qc.OrganizationOf(c)
	if err != nil || o.String() != "NTRBE-0316380841" {
		t.Errorf("organization %v, %v", o, err)
	}
	// With another identifier for QcPSB the statement is unknown, not misread.
	s, _, err = qc.Of(c, asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 10})
	if err != nil || s.PublicBody != nil || len(s.Unknown) != 1 {
		t.Errorf("other QcPSB identifier: %+v, %v", s, err)
	}
}

func TestLegislationOutsideTheUnion(t *testing.T) {
	in := qc.Statements{Compliance: true, Legislation: []string{"CH"}}
	ext, err := in.Extension(nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := qc.Parse(ext.Value, nil)
	if err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestMalformedStatements(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                     "",
		"no sequence":               "0500",
		"trailing data":             "30000500",
		"statement without id":      "30023000",
		"compliance with content":   "300c300a06060400 8e4601010500",
		"compliance twice":          "301430080606 04008e460101 30080606 04008e460101",
		"type without content":      "300a3008 060604008e460106",
		"type empty":                "300c300a 060604008e460106 3000",
		"legislation of 3 letters":  "3013 3011 060604008e460107 3007 1305 4245204245",
		"body without legislation":  "301a 3018 060704008bec4e0103 300d 1302 4245 0c07 41424344454647",
		"body with UTF8 country":    "301c 301a 060704008bec4e0103 300f 0c02 4245 0c03 414243 0c04 41424344",
		"body with long country":    "301d 301b 060704008bec4e0103 3010 1303 424545 0c03 414243 0c04 41424344",
		"body with empty source":    "3019 3017 060704008bec4e0103 300c 1302 4245 0c00 0c04 41424344",
		"body with invalid UTF-8":   "301c 301a 060704008bec4e0103 300f 1302 4245 0c03 ff4243 0c04 41424344",
		"body with trailing member": "301e 301c 060704008bec4e0103 3011 1302 4245 0c03 414243 0c04 41424344 0500",
	} {
		der, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s, err := qc.Parse(der, nil); !errors.Is(err, qc.ErrStatements) || !reflect.DeepEqual(s, qc.Statements{}) {
			t.Errorf("%s: found %+v, %v", name, s, err)
		}
	}
	if _, err := qc.Parse(make([]byte, 20<<10), nil); !errors.Is(err, qc.ErrStatements) {
		t.Errorf("too long: %v", err)
	}
	var many []byte
	for i := range 40 {
		many = append(many, 0x30, 4, 0x06, 2, 0x2a, byte(i))
	}
	many = append([]byte{0x30, 0x81, byte(len(many))}, many...)
	if _, err := qc.Parse(many, nil); !errors.Is(err, qc.ErrStatements) {
		t.Errorf("too many: %v", err)
	}
	// What cannot be read is not written.
	for name, s := range map[string]qc.Statements{
		"long country": {PublicBody: &qc.PublicBody{Country: "BEL", Source: "a", Legislation: "b"}},
		"no source":    {PublicBody: &qc.PublicBody{Country: "BE", Legislation: "b"}},
		"no language":  {Disclosures: []qc.Disclosure{{URL: "https://example.org"}}},
	} {
		if _, err := s.Extension(nil); !errors.Is(err, qc.ErrStatements) {
			t.Errorf("%s was written: %v", name, err)
		}
	}
}

func TestOrganizations(t *testing.T) {
	for s, want := range map[string]bool{
		"NTRBE-0999999922":      true,
		"VATBE-0316380841":      true,
		"NTRNO-NOFOR.991825827": true,
		"NTRBE-0999999923":      false, // check digits
		"NTRBE-2999999922":      false, // an establishment unit
		"NTRBE-999999922":       false,
		"NTRBE0999999922":       false,
		"ntrbe-0999999922":      false,
		"NTRBE-":                false,
		"":                      false,
	} {
		o, err := qc.ParseOrganization(s)
		if (err == nil) != want || err == nil && o.String() != s || err != nil && !errors.Is(err, qc.ErrOrganization) {
			t.Errorf("%q: %v, %v", s, o, err)
		}
	}
	twice := &x509.Certificate{Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{
		{Type: qc.OrganizationID, Value: "NTRBE-0999999922"}, {Type: qc.OrganizationID, Value: "NTRBE-0316380841"}}}}
	if _, err := qc.OrganizationOf(twice); !errors.Is(err, qc.ErrOrganization) {
		t.Errorf("two identifiers: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range golden(f).Extensions {
		f.Add(e.Value)
	}
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := qc.Parse(der, nil)
		if err != nil {
			if !reflect.DeepEqual(s, qc.Statements{}) {
				t.Error("a failed parse answered something")
			}
			return
		}
		if len(s.Unknown) > 0 {
			return // not written
		}
		ext, err := s.Extension(nil)
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		again, err := qc.Parse(ext.Value, nil)
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("read %+v, after writing %+v, %v", s, again, err)
		}
	})
}
