package tsl_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

func national(territory string) tsltest.List {
	return tsltest.List{Type: tsltest.TypeNational, Territory: territory, Issued: now.Add(-time.Hour)}
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		key    crypto.Signer
		change func(*tsltest.List, *tsltest.Signature)
	}{
		"P-256":          {ecKey(t, elliptic.P256()), nil},
		"P-384":          {ecKey(t, elliptic.P384()), nil},
		"P-521":          {ecKey(t, elliptic.P521()), nil},
		"RSA PKCS 1":     {rsaKey(t, 2048), nil},
		"RSA PSS":        {rsaKey(t, 2048), func(_ *tsltest.List, s *tsltest.Signature) { s.PSS = true }},
		"version 5 SHA1": {rsaKey(t, 2048), func(l *tsltest.List, s *tsltest.Signature) { l.Version, s.Legacy = 5, true }},
		"by Id of the root": {ecKey(t, elliptic.P256()), func(_ *tsltest.List, s *tsltest.Signature) {
			s.EditInfo = replace(`URI=""`, `URI="#list"`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			signer := listSigner(t, c.key, "BE")
			l := national("BE")
			s := tsltest.Signature{Certificate: signer.cert, Key: signer.key, At: l.Issued}
			if c.change != nil {
				c.change(&l, &s)
			}
			doc := tsltest.Sign(t, l.XML(), s)
			other := listSigner(t, ecKey(t, elliptic.P256()), "BE")
			got, err := tsl.Verify(doc, certs(other, signer), now)
			if err != nil {
				t.Fatal(err)
			}
			if got.Scheme.Territory != "BE" || !got.Signer.Equal(signer.cert) || !got.Signed.Equal(l.Issued) {
				t.Errorf("found %+v", got)
			}
			if !s.PSS { // which the xmlsec1 of Debian 12 does not know
				xmlsec(t, doc, signer.cert)
			}
		})
	}
}

func replace(before, after string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, before) {
			panic("nothing to replace: " + before)
		}
		return strings.Replace(s, before, after, 1)
	}
}

// element cuts the first element of that name out of a document.
func element(doc, name string) string {
	start := regexp.MustCompile("<" + name + "[ >]").FindStringIndex(doc)[0]
	end := strings.Index(doc[start:], "</"+name+">")
	return doc[start : start+end+len("</"+name+">")]
}

// holding are forgeries whose cryptography holds, as xmlsec1 says: what refuses
// them are rules beyond it.
var holding = map[string]bool{
	"the signed list moved under a new root": true, "a second signature inside an Object": true,
	"the reference to the list is missing": true, "the reference to the SignedProperties is missing": true,
	"the list is referenced twice, the SignedProperties not": true, "the reference is an XPointer": true, "the reference has no URI": true,
	"a transform XPath": true, "a prefix list": true, "canonicalisation with comments": true,
	"SignedProperties deeper in the Object": true, "second SignedProperties in another Object": true, "Target of another signature": true,
	"SHA-1 in SigningCertificateV2": true, "no signing certificate signed": true, "two signing certificates signed": true,
	"signed by somebody else": true, "signed in the future": true, "signed before the certificate was valid": true, "signed after the certificate ran out": true,
	"a document type declaration": true, "a default attribute": true, "an external document type": true, "a comment in a value": true, "a comment before a value": true,
}

// TestForgeries changes a list that was signed well, or has its own signer sign
// what must not be signed. Each is refused by the check that it is made for.
func TestForgeries(t *testing.T) {
	signer := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	mallory := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	former := mint(t, ecKey(t, elliptic.P256()), nil, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, -1, 0) })
	service := tsltest.Service{Since: now.AddDate(-2, 0, 0), Certificates: certs(authority(t, "TEST CA"))}
	genuine := national("BE")
	genuine.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{service}}}
	evil := genuine
	evil.Providers = []tsltest.Provider{{Name: "EVIL provider", Services: []tsltest.Service{service}}}
	evilBody := strings.TrimSuffix(evil.XML(), "</TrustServiceStatusList>")

	info := func(edit func(string) string) func(string) tsltest.Signature {
		return func(string) tsltest.Signature { return tsltest.Signature{EditInfo: edit} }
	}
	properties := func(edit func(string) string) func(string) tsltest.Signature {
		return func(string) tsltest.Signature { return tsltest.Signature{EditProperties: edit} }
	}
	const (
		object      = "<ds:Object>"
		c14n        = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>`
		enveloped   = `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>`
		listSigning = `xmlns="http://uri.etsi.org/02231/v2#" Id="list"`
	)
	for _, c := range []struct {
		name  string
		check string
		sign  func(string) tsltest.Signature // how the signer signs
		after func(string) string            // what is done to it after
		told  []*x509.Certificate
	}{
		// Changed content.
		{"a value changed", tsl.CheckDigest, nil, replace("TEST provider", "EVIL provider"), nil},
		{"white space added between elements", tsl.CheckDigest, nil, replace("<SchemeInformation>", " <SchemeInformation>"), nil},
		{"a service withdrawn in the text only", tsl.CheckDigest, nil, replace("Svcstatus/granted", "Svcstatus/withdrawn"), nil},
		{"SigningTime changed", tsl.CheckDigest, nil, replace("<xades:SigningTime>2026-11-23T11", "<xades:SigningTime>2026-11-23T10"), nil},
		{"SignedInfo changed", tsl.CheckSignature, nil, replace(`Id="reference" `, ``), nil},
		{"SignatureValue of another list", tsl.CheckSignature, nil, func(s string) string {
			other := string(tsltest.Sign(t, evil.XML(), tsltest.Signature{Certificate: signer.cert, Key: signer.key, At: evil.Issued}))
			return strings.Replace(s, element(s, "ds:SignatureValue"), element(other, "ds:SignatureValue"), 1)
		}, nil},

		// Wrapping: what was signed moves, something else takes its place.
		{"the signed list moved under a new root", tsl.CheckSignaturePlace, info(replace(`URI=""`, `URI="#list"`)), func(s string) string {
			_, body, _ := strings.Cut(s, "?>\n")
			return strings.Replace(evilBody, `Id="list"`, `Id="evil"`, 1) + body + "</TrustServiceStatusList>"
		}, nil},
		{"the signature moved to a new root, the signed list inside", tsl.CheckSignaturePlace, info(replace(`URI=""`, `URI="#list"`)), func(s string) string {
			_, body, _ := strings.Cut(s, "?>\n")
			sig := element(body, "ds:Signature")
			body = strings.Replace(body, sig, "", 1)
			sig = strings.Replace(sig, object, object+body+"</ds:Object>"+object, 1)
			return strings.Replace(evilBody, `Id="list"`, `Id="evil"`, 1) + sig + "</TrustServiceStatusList>"
		}, nil},
		{"two elements named list", tsl.CheckSignaturePlace, nil, replace("</SchemeInformation>", `<TrustServiceStatusList></TrustServiceStatusList></SchemeInformation>`), nil},
		{"the signature nested deeper", tsl.CheckSignaturePlace, nil, func(s string) string {
			sig := element(s, "ds:Signature")
			return strings.Replace(s, sig, "<Wrap>"+sig+"</Wrap>", 1)
		}, nil},
		{"two signatures", tsl.CheckSignaturePlace, nil, func(s string) string {
			sig := element(s, "ds:Signature")
			for _, id := range []string{"signature", "reference", "key", "properties"} {
				sig = strings.ReplaceAll(sig, `Id="`+id+`"`, `Id="2`+id+`"`)
			}
			return strings.Replace(s, "</TrustServiceStatusList>", sig+"</TrustServiceStatusList>", 1)
		}, nil},
		{"a second signature inside an Object", tsl.CheckSignaturePlace, nil, replace(object, object+`<ds:Signature></ds:Signature></ds:Object>`+object), nil},
		{"no signature", tsl.CheckSignaturePlace, nil, func(s string) string { return strings.Replace(s, element(s, "ds:Signature"), "", 1) }, nil},
		{"two SignedInfo", tsl.CheckSignaturePlace, nil, func(s string) string {
			return strings.Replace(s, "<ds:SignatureValue>", strings.Replace(element(s, "ds:SignedInfo"), `Id="reference" `, "", 1)+"<ds:SignatureValue>", 1)
		}, nil},
		{"an Id twice", tsl.CheckIdentifiers, nil, replace("<SchemeInformation>", `<SchemeInformation Id="list">`), nil},
		{"an Id of another spelling twice", tsl.CheckIdentifiers, nil, replace("<SchemeInformation>", `<SchemeInformation ID="properties">`), nil},
		{"an xml:id twice", tsl.CheckIdentifiers, nil, replace("<SchemeInformation>", `<SchemeInformation xml:id="properties">`), nil},

		// References.
		{"the reference leads to a part", tsl.CheckReference, info(replace(`URI=""`, `URI="#part"`)), replace("<SchemeInformation>", `<SchemeInformation Id="part">`), nil},
		{"the reference leads outside", tsl.CheckReference, info(replace(`URI=""`, `URI="https://evil.example/list.xml"`)), nil, nil},
		{"the reference is an XPointer", tsl.CheckReference, info(replace(`URI=""`, `URI="#xpointer(/)"`)), nil, nil},
		{"the reference has no URI", tsl.CheckReference, info(replace(` URI=""`, ``)), nil, nil},
		{"the reference to the list is missing", tsl.CheckReference, info(func(s string) string {
			return strings.Replace(s, element(s, "ds:Reference"), "", 1)
		}), nil, nil},
		{"the reference to the SignedProperties is missing", tsl.CheckReference, info(func(s string) string {
			return s[:strings.LastIndex(s, "<ds:Reference")] + "</ds:SignedInfo>"
		}), nil, nil},
		{"the list is referenced twice, the SignedProperties not", tsl.CheckReference, info(func(s string) string {
			first := element(s, "ds:Reference")
			return strings.Replace(s, first, first+strings.Replace(first, `Id="reference" `, "", 1), 1)
		}), nil, nil},
		{"the reference to the SignedProperties has another type", tsl.CheckReference, info(replace("01903#SignedProperties", "01903#Other")), nil, nil},
		{"a reference three times", tsl.CheckReference, info(func(s string) string {
			first := element(s, "ds:Reference")
			return strings.Replace(s, first, first+strings.Repeat(strings.Replace(first, `Id="reference" `, "", 1), 2), 1)
		}), nil, nil},

		// Transforms.
		{"a transform XPath", tsl.CheckTransforms, info(replace(c14n, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::Evil)</ds:XPath></ds:Transform>`+c14n)), nil, nil},
		{"a transform XPath Filter 2", tsl.CheckTransforms, info(replace(enveloped, `<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"></ds:Transform>`)), nil, nil},
		{"a transform XSLT", tsl.CheckTransforms, info(replace(c14n, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform>`)), nil, nil},
		{"a transform base64", tsl.CheckTransforms, info(replace(enveloped, `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"></ds:Transform>`)), nil, nil},
		{"canonicalisation with comments", tsl.CheckTransforms, info(replace(c14n, strings.Replace(c14n, "c14n#", "c14n#WithComments", 1))), nil, nil},
		{"inclusive canonicalisation", tsl.CheckTransforms, info(replace(c14n, strings.Replace(c14n, "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", 1))), nil, nil},
		{"a prefix list", tsl.CheckTransforms, info(replace(c14n, strings.Replace(c14n, "></ds", `><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="q"></ec:InclusiveNamespaces></ds`, 1))), nil, nil},
		{"transforms in another order", tsl.CheckTransforms, info(replace(enveloped+c14n, c14n+enveloped)), nil, nil},
		{"without canonicalisation", tsl.CheckTransforms, info(replace(c14n, "")), nil, nil},
		{"without enveloped-signature", tsl.CheckTransforms, info(replace(enveloped, "")), nil, nil},
		{"one transform more", tsl.CheckTransforms, info(replace(c14n, c14n+`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"></ds:Transform>`)), nil, nil},
		{"an empty list of transforms", tsl.CheckTransforms, info(replace(enveloped+c14n, "")), nil, nil},
		{"no transforms", tsl.CheckTransforms, info(func(s string) string { return strings.Replace(s, element(s, "ds:Transforms"), "", 1) }), nil, nil},
		{"enveloped-signature for the SignedProperties", tsl.CheckTransforms, info(func(s string) string {
			i := strings.LastIndex(s, c14n)
			return s[:i] + enveloped + s[i:]
		}), nil, nil},

		// SignedProperties.
		{"SignedProperties in the list, not in the signature", tsl.CheckSignedProperties, nil, func(s string) string {
			q := element(s, "xades:QualifyingProperties")
			s = strings.Replace(s, q, "", 1)
			return strings.Replace(s, "</SchemeInformation>", q+"</SchemeInformation>", 1)
		}, nil},
		{"second SignedProperties in another Object", tsl.CheckSignedProperties, nil, func(s string) string {
			q := strings.ReplaceAll(element(s, "xades:QualifyingProperties"), `Id="properties"`, `Id="others"`)
			return strings.Replace(s, object, object+q+"</ds:Object>"+object, 1)
		}, nil},
		{"SignedProperties deeper in the Object", tsl.CheckSignedProperties, nil, func(s string) string {
			p := element(s, "xades:SignedProperties")
			return strings.Replace(s, p, "<Wrap>"+p+"</Wrap>", 1)
		}, nil},
		{"Target of another signature", tsl.CheckSignedProperties, nil, replace(`Target="#signature"`, `Target="#other"`), nil},
		{"a signature without Id", tsl.CheckSignedProperties, nil, replace(` Id="signature"`, ``), nil},

		// Algorithms.
		{"digest SHA-1 of the list", tsl.CheckAlgorithms, info(replace("xmlenc#sha256", "xmldsig#sha1")), nil, nil},
		{"signature RSA-SHA1", tsl.CheckAlgorithms, info(replace("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")), nil, nil},
		{"signature HMAC", tsl.CheckAlgorithms, info(replace("ecdsa-sha256", "hmac-sha256")), nil, nil},
		{"an algorithm with parameters", tsl.CheckAlgorithms, info(replace("ecdsa-sha256\"></ds", "ecdsa-sha256\"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds")), nil, nil},
		{"canonicalisation of SignedInfo with a prefix list", tsl.CheckAlgorithms, info(replace("c14n#\"></ds:Can", `c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="q"></ec:InclusiveNamespaces></ds:Can`)), nil, nil},
		{"algorithm of another key", tsl.CheckAlgorithms, info(replace("ecdsa-sha256", "rsa-sha256")), nil, nil},
		{"SignedInfo with inclusive canonicalisation", tsl.CheckAlgorithms, info(replace("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")), nil, nil},
		{"SHA-1 in SigningCertificateV2", tsl.CheckAlgorithms, properties(replace("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1")), nil, nil},

		// Who signed.
		{"signed by somebody else", tsl.CheckSigner, func(string) tsltest.Signature {
			return tsltest.Signature{Certificate: mallory.cert, Key: mallory.key}
		}, nil, nil},
		{"somebody else's key, the right certificate beside it", tsl.CheckSigner, func(string) tsltest.Signature {
			return tsltest.Signature{Certificate: mallory.cert, Key: mallory.key, KeyInfo: certs(signer, mallory)}
		}, nil, nil},
		{"KeyInfo swapped", tsl.CheckSigningCertificate, nil, func(s string) string {
			other := string(tsltest.Sign(t, genuine.XML(), tsltest.Signature{Certificate: mallory.cert, Key: mallory.key, At: genuine.Issued}))
			return strings.Replace(s, element(s, "ds:KeyInfo"), element(other, "ds:KeyInfo"), 1)
		}, nil},
		{"somebody else's key under the right certificate", tsl.CheckSignature, func(string) tsltest.Signature {
			return tsltest.Signature{Certificate: signer.cert, Key: mallory.key}
		}, nil, nil},
		{"KeyInfo without certificate", tsl.CheckSigningCertificate, nil, func(s string) string { return strings.Replace(s, element(s, "ds:X509Data"), "", 1) }, nil},
		{"no signing certificate signed", tsl.CheckSigningCertificate, properties(func(s string) string {
			return strings.Replace(s, element(s, "xades:SigningCertificateV2"), "", 1)
		}), nil, nil},
		{"two signing certificates signed", tsl.CheckSigningCertificate, properties(func(s string) string {
			one := element(s, "xades:SigningCertificateV2")
			return strings.Replace(s, one, one+one, 1)
		}), nil, nil},
		{"too many certificates in KeyInfo", tsl.CheckSigningCertificate, func(string) tsltest.Signature {
			return tsltest.Signature{Certificate: signer.cert, Key: signer.key, KeyInfo: append(slices.Repeat(certs(mallory), 20), signer.cert)}
		}, nil, nil},
		{"the old signing certificate in a list of version 6", tsl.CheckSigningCertificate, func(string) tsltest.Signature { return tsltest.Signature{Legacy: true} }, nil, nil},
		{"nobody was told", tsl.CheckSigner, nil, nil, []*x509.Certificate{}},
		{"signed in the future", tsl.CheckSigningTime, func(string) tsltest.Signature { return tsltest.Signature{At: now.Add(time.Hour)} }, nil, nil},
		{"signed before the certificate was valid", tsl.CheckSigningTime, func(string) tsltest.Signature {
			return tsltest.Signature{At: signer.cert.NotBefore.Add(-time.Hour)}
		}, nil, nil},
		{"signed after the certificate ran out", tsl.CheckSigningTime, func(string) tsltest.Signature {
			return tsltest.Signature{Certificate: former.cert, Key: former.key}
		}, nil, certs(former)},

		// XML.
		{"a document type declaration", tsl.CheckXML, nil, replace("?>\n", "?>\n<!DOCTYPE TrustServiceStatusList [<!ENTITY a \"b\">]>"), nil},
		{"an external entity", tsl.CheckXML, nil, func(s string) string {
			return replace("TEST provider", "TEST &evil;")(replace("?>\n", "?>\n<!DOCTYPE TrustServiceStatusList [<!ENTITY evil SYSTEM \"file:///etc/hostname\">]>")(s))
		}, nil},
		{"an external document type", tsl.CheckXML, nil, replace("?>\n", "?>\n<!DOCTYPE TrustServiceStatusList SYSTEM \"https://evil.example/tsl.dtd\">"), nil},
		{"entities that grow", tsl.CheckXML, nil, func(s string) string {
			return replace("TEST provider", "&c;")(replace("?>\n", "?>\n<!DOCTYPE TrustServiceStatusList [<!ENTITY a \"TEST\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]>")(s))
		}, nil},
		{"a default attribute", tsl.CheckXML, nil, replace("?>\n", "?>\n<!DOCTYPE TrustServiceStatusList [<!ATTLIST SchemeInformation Id ID \"list\">]>"), nil},
		{"a document type inside", tsl.CheckXML, nil, replace("<SchemeInformation>", "<!DOCTYPE a><SchemeInformation>"), nil},
		{"an entity", tsl.CheckXML, nil, replace("TEST provider", "TEST &evil;"), nil},
		{"a processing instruction", tsl.CheckXML, nil, replace("<SchemeInformation>", "<?evil?><SchemeInformation>"), nil},
		{"a stylesheet", tsl.CheckXML, nil, replace("?>\n", "?>\n<?xml-stylesheet href=\"evil.xsl\"?>"), nil},
		{"a comment in a value", tsl.CheckXML, nil, replace("TEST provider", "TEST<!-- --> provider"), nil},
		{"a comment before a value", tsl.CheckXML, nil, replace("Svcstatus/granted", "Svcstatus/granted<!-- -->"), nil},
		{"an attribute twice", tsl.CheckXML, nil, replace(listSigning, listSigning+` Id="evil"`), nil},
		{"an attribute twice through two prefixes", tsl.CheckXML, nil, replace("<SchemeInformation>", `<SchemeInformation xmlns:a="urn:x" xmlns:b="urn:x" a:c="" b:c="">`), nil},
		{"a prefix that is not declared", tsl.CheckXML, nil, replace("<SchemeInformation>", `<SchemeInformation><a:b></a:b>`), nil},
		{"a prefix of an attribute that is not declared", tsl.CheckXML, nil, replace("<SchemeInformation>", `<SchemeInformation a:b="">`), nil},
		{"a namespace declared twice", tsl.CheckXML, nil, replace("<SchemeInformation>", `<SchemeInformation xmlns:a="urn:x" xmlns:a="urn:y">`), nil},
		{"the prefix xml for another namespace", tsl.CheckXML, nil, replace("<SchemeInformation>", `<SchemeInformation xmlns:xml="urn:x">`), nil},
		{"another encoding", tsl.CheckXML, nil, replace(`encoding="UTF-8"`, `encoding="ISO-8859-1"`), nil},
		{"not UTF-8", tsl.CheckXML, nil, replace("TEST provider", "TEST \xff"), nil},
		{"two roots", tsl.CheckXML, nil, func(s string) string { return s + "<a></a>" }, nil},
		{"text after the root", tsl.CheckXML, nil, func(s string) string { return s + "text" }, nil},
		{"too deep", tsl.CheckXML, nil, replace("<SchemeInformation>", strings.Repeat("<a>", 60)+strings.Repeat("</a>", 60)+"<SchemeInformation>"), nil},
		{"too many attributes", tsl.CheckXML, nil, func(s string) string {
			var b strings.Builder
			for i := range 40 {
				b.WriteString(" a" + strings.Repeat("b", i) + `=""`)
			}
			return strings.Replace(s, "<SchemeInformation>", "<SchemeInformation"+b.String()+">", 1)
		}, nil},
		{"too many attributes in all", tsl.CheckXML, nil, replace("<SchemeInformation>", strings.Repeat(`<a b="" c="" d="" e=""/>`, 110_000)+"<SchemeInformation>"), nil},
		{"too many comments", tsl.CheckXML, nil, replace("<SchemeInformation>", strings.Repeat("<!---->", 2000)+"<SchemeInformation>"), nil},
		{"too many namespaces in scope", tsl.CheckXML, nil, func(s string) string {
			var open strings.Builder
			for i := range 4 {
				open.WriteString("<a")
				for j := range 20 {
					fmt.Fprintf(&open, ` xmlns:n%d_%d="urn:x"`, i, j)
				}
				open.WriteString(">")
			}
			return strings.Replace(s, "<SchemeInformation>", open.String()+strings.Repeat("</a>", 4)+"<SchemeInformation>", 1)
		}, nil},
		{"too many elements", tsl.CheckXML, nil, replace("<SchemeInformation>", strings.Repeat("<a/>", 700_000)+"<SchemeInformation>"), nil},
		{"too long", tsl.CheckXML, nil, func(s string) string { return s + strings.Repeat(" ", tsl.MaxSize) }, nil},
		{"another document", tsl.CheckContent, nil, func(string) string { return "<html></html>" }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tsltest.Signature{}
			if c.sign != nil {
				s = c.sign("")
			}
			if s.Certificate == nil {
				s.Certificate, s.Key = signer.cert, signer.key
			}
			if s.At.IsZero() {
				s.At = genuine.Issued
			}
			doc := string(tsltest.Sign(t, genuine.XML(), s))
			if c.after != nil {
				doc = c.after(doc)
			}
			told := certs(signer)
			if c.told != nil {
				told = c.told
			}
			l, err := tsl.Verify([]byte(doc), told, now)
			var e *tsl.Error
			if !errors.As(err, &e) || !errors.Is(err, tsl.ErrList) || l != nil {
				t.Fatalf("found %v, %v, expected a refusal", l, err)
			}
			if e.Check != c.check {
				t.Errorf("refused by %s (%v), expected %s", e.Check, err, c.check)
			}
			if strings.Contains(err.Error(), "EVIL") {
				t.Errorf("the error repeats content: %v", err)
			}
			broken := c.check == tsl.CheckDigest || c.check == tsl.CheckSignature
			if !broken && !holding[c.name] {
				return
			}
			switch ok, words := xmlsecVerdict(t, []byte(doc), signer.cert); {
			case broken && ok:
				t.Error("xmlsec1 accepts it")
			case !broken && !ok:
				t.Errorf("xmlsec1 refuses it, so it is no forgery that cryptography lets through: %s", words)
			}
		})
	}
}

// TestIssuedInFuture: a list that says it was issued later than now.
func TestIssuedInFuture(t *testing.T) {
	signer := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	l := national("BE")
	l.Issued = now.Add(time.Hour)
	wantCheck(t, tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: signer.cert, Key: signer.key, At: now}), signer, tsl.CheckValidity)
}

// TestKeyInfoSigned: a signer may cover KeyInfo, too.
func TestKeyInfoSigned(t *testing.T) {
	signer := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	keyInfo := `<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="key"><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(signer.cert.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`
	sign := func(attributes, covered string) []byte {
		return tsltest.Sign(t, national("BE").XML(), tsltest.Signature{Certificate: signer.cert, Key: signer.key, At: now, EditInfo: func(s string) string {
			return strings.Replace(s, "</ds:SignedInfo>", tsltest.Reference(attributes, covered)+"</ds:SignedInfo>", 1)
		}})
	}
	doc := sign(`URI="#key"`, keyInfo)
	if _, err := tsl.Verify(doc, certs(signer), now); err != nil {
		t.Error(err)
	}
	wantCheck(t, sign(`URI="#key"`, keyInfo+" "), signer, tsl.CheckDigest)
	wantCheck(t, sign(`Type="http://uri.etsi.org/01903#SignedProperties" URI="#key"`, keyInfo), signer, tsl.CheckReference)
}

// TestInclusiveBound: what is canonicalised inclusively is small.
func TestInclusiveBound(t *testing.T) {
	signer := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	doc := tsltest.Sign(t, national("BE").XML(), tsltest.Signature{
		Certificate: signer.cert, Key: signer.key, At: now,
		EditProperties: replace("</xades:SignedSignatureProperties>", "</xades:SignedSignatureProperties>"+strings.Repeat("<a></a>", 2000)),
		EditInfo: func(s string) string {
			i := strings.LastIndex(s, "<ds:Transforms>")
			return s[:i] + strings.Replace(s[i:], element(s[i:], "ds:Transforms"), "", 1)
		},
	})
	if _, err := tsl.Verify(doc, certs(signer), now); err == nil || !strings.Contains(err.Error(), "cannot be canonicalised") {
		t.Errorf("found %v", err)
	}
}

// TestWeakSigner: the key of a signer who is told must be strong and for
// signing.
func TestWeakSigner(t *testing.T) {
	t.Run("RSA below 2048 bits", func(t *testing.T) {
		t.Setenv("GODEBUG", "rsa1024min=0")
		weak := listSigner(t, rsaKey(t, 1024), "BE")
		wantCheck(t, signedBy(t, national("BE"), weak), weak, tsl.CheckAlgorithms)
	})
	t.Run("P-224", func(t *testing.T) {
		weak := listSigner(t, ecKey(t, elliptic.P224()), "BE")
		wantCheck(t, signedBy(t, national("BE"), weak), weak, tsl.CheckAlgorithms)
	})
	t.Run("a certificate of another usage", func(t *testing.T) {
		other := mint(t, ecKey(t, elliptic.P256()), nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
		wantCheck(t, signedBy(t, national("BE"), other), other, tsl.CheckSigner)
	})
}

func wantCheck(t *testing.T, doc []byte, signer pair, check string) {
	t.Helper()
	_, err := tsl.Verify(doc, certs(signer), now)
	var e *tsl.Error
	if !errors.As(err, &e) || e.Check != check {
		t.Errorf("found %v, expected a refusal by %s", err, check)
	}
}

// TestUnsignedObject: what somebody adds to the signature is not signed, and is not
// read. xmlsec1 says that the signature holds.
func TestUnsignedObject(t *testing.T) {
	signer := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	evil := national("BE")
	evil.Providers = []tsltest.Provider{{Name: "EVIL provider", Services: []tsltest.Service{{Since: now.AddDate(-2, 0, 0), Certificates: certs(authority(t, "TEST CA"))}}}}
	providers := strings.Replace(element(evil.XML(), "TrustServiceProviderList"), "<TrustServiceProviderList", `<TrustServiceProviderList xmlns="http://uri.etsi.org/02231/v2#"`, 1)
	doc := []byte(replace("</ds:Signature>", "<ds:Object>"+providers+"</ds:Object></ds:Signature>")(string(signedBy(t, national("BE"), signer))))
	l, err := tsl.Verify(doc, certs(signer), now)
	if err != nil || len(l.Providers) != 0 {
		t.Errorf("found %+v, %v", l, err)
	}
	xmlsec(t, doc, signer.cert)
}
