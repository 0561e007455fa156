package tsl

import (
	"bytes"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

const (
	typeSignedProperties = "http://uri.etsi.org/01903#SignedProperties"
	clockSkew            = 5 * time.Minute
	maxPart              = 1000 // elements of what is signed beside the list
)

// signature is where the parts of the one signature of a list stand.
type signature struct {
	root, element, info, keyInfo, properties *etree.Element

	method  method
	value   []byte
	covered []covered
}

// covered is one reference of SignedInfo and what it leads to.
type covered struct {
	target    *etree.Element
	root      bool
	inclusive bool // without transforms: Canonical XML 1.0
	hash      func([]byte) []byte
	digest    []byte
}

// signed is what a signature that held covers.
type signed struct {
	octets []byte // the list in canonical form, without its signature
	signer *x509.Certificate
	at     time.Time // as the signer claims
}

// verifySignature checks the XAdES signature of a list (ETSI TS 119 612, clause
// 5.7.1 and Annex B) in this order:
//
//	Step 1. one ds:Signature in the document, a child of the root
//	Step 2. exclusive canonicalisation, an allowed signature algorithm
//	Step 3. the references lead to the root and to the SignedProperties of this
//	        very signature, by their place and not by their identifier alone
//	Step 4. the certificate is one of signers, and the one that was signed with
//	Step 5. it was valid at the signing time
//	Step 6. the signature fits SignedInfo
//	Step 7. each digest fits
//
// What is returned are the octets that were digested. Read those and nothing
// else of the document.
func verifySignature(root *etree.Element, signers []*x509.Certificate, now time.Time) (signed, error) {
	s, err := locate(root)
	if err != nil {
		return signed{}, err
	}
	if err := s.algorithms(); err != nil {
		return signed{}, err
	}
	if err := s.references(); err != nil {
		return signed{}, err
	}
	cert, err := s.signer(signers)
	if err != nil {
		return signed{}, err
	}
	at, err := s.signingTime(cert, now)
	if err != nil {
		return signed{}, err
	}
	info, err := canonicalPart(s.info)
	if err != nil {
		return signed{}, refuse(CheckSignature, specXMLSig, "SignedInfo cannot be canonicalised")
	}
	switch err := s.method.verify(cert.PublicKey, info, s.value); {
	case errors.Is(err, errKey):
		return signed{}, &Error{Check: CheckAlgorithms, Spec: specXMLSig + ", Section 6.4", Detail: "SignatureMethod", Err: err}
	case err != nil:
		return signed{}, &Error{Check: CheckSignature, Spec: specXMLSig + ", Section 3.2.2", Detail: "SignatureValue", Err: err}
	}
	content, err := s.digests()
	if err != nil {
		return signed{}, err
	}
	return signed{content, cert, at}, nil
}

// locate finds the signature and refuses a document with another one
// anywhere.
func locate(root *etree.Element) (*signature, error) {
	if !is(root, nsList, "TrustServiceStatusList") {
		return nil, refuse(CheckContent, clause(specList, "5.2"), "the document element is not tsl:TrustServiceStatusList")
	}
	if all := count(root, nsList, "TrustServiceStatusList"); all != 1 {
		return nil, refuse(CheckSignaturePlace, clause(specList, "5.7"), "found %d lists in the document, expected the document element alone", all)
	}
	found := children(root, nsDS, "Signature")
	if all := count(root, nsDS, "Signature"); len(found) != 1 || all != 1 {
		return nil, refuse(CheckSignaturePlace, clause(specList, "5.7"), "found %d signatures, %d of them children of the document element, expected exactly one there", all, len(found))
	}
	s := &signature{root: root, element: found[0]}
	s.info, s.keyInfo = child(s.element, nsDS, "SignedInfo"), child(s.element, nsDS, "KeyInfo")
	if s.info == nil || s.keyInfo == nil {
		return nil, refuse(CheckSignaturePlace, clause(specList, "5.7"), "expected exactly one SignedInfo and one KeyInfo in the signature")
	}
	if err := s.locateProperties(); err != nil {
		return nil, err
	}
	var err error
	if s.value, err = octets(child(s.element, nsDS, "SignatureValue")); err != nil {
		return nil, refuse(CheckSignature, specXMLSig+", Section 4.3", "expected one SignatureValue in base64")
	}
	return s, nil
}

// locateProperties finds SignedProperties in an Object of this signature. Ones
// elsewhere are refused, even if nothing leads to them.
func (s *signature) locateProperties() error {
	var qualifying []*etree.Element
	for _, o := range children(s.element, nsDS, "Object") {
		qualifying = append(qualifying, children(o, nsXAdES, "QualifyingProperties")...)
	}
	if all := count(s.root, nsXAdES, "SignedProperties"); len(qualifying) != 1 || all != 1 {
		return refuse(CheckSignedProperties, clause(specXAdES, "4.4"), "found %d QualifyingProperties in the signature and %d SignedProperties in the document, expected one of each", len(qualifying), all)
	}
	if id := attribute(s.element, "Id"); id == "" || attribute(qualifying[0], "Target") != "#"+id {
		return refuse(CheckSignedProperties, clause(specXAdES, "4.4.1"), "Target of QualifyingProperties is not this signature")
	}
	if s.properties = child(qualifying[0], nsXAdES, "SignedProperties"); s.properties == nil {
		return refuse(CheckSignedProperties, clause(specXAdES, "4.4.1"), "SignedProperties are not in the QualifyingProperties of this signature")
	}
	return nil
}

// count counts the elements of that namespace and name in a whole document.
func count(e *etree.Element, ns, name string) int {
	n := 0
	if is(e, ns, name) {
		n++
	}
	for _, t := range e.Child {
		if c, ok := t.(*etree.Element); ok {
			n += count(c, ns, name)
		}
	}
	return n
}

func (s *signature) algorithms() error {
	c := child(s.info, nsDS, "CanonicalizationMethod")
	if attribute(c, "Algorithm") != algExclusive || len(c.ChildElements()) != 0 {
		return refuse(CheckAlgorithms, clause(specList, "B.6"), "CanonicalizationMethod must be %s without a prefix list", algExclusive)
	}
	m := child(s.info, nsDS, "SignatureMethod")
	var ok bool
	if s.method, ok = methods[attribute(m, "Algorithm")]; !ok || len(m.ChildElements()) != 0 {
		return refuse(CheckAlgorithms, specXMLSig+", Section 6.4", "SignatureMethod is %q, expected RSA or ECDSA with SHA-256 or better and no parameters", clip(attribute(m, "Algorithm")))
	}
	return nil
}

// references reads what SignedInfo covers: the root and the SignedProperties,
// and KeyInfo if the signer wanted it.
func (s *signature) references() error {
	seen := map[*etree.Element]bool{}
	for _, ref := range children(s.info, nsDS, "Reference") {
		c, err := s.reference(ref)
		if err != nil {
			return err
		}
		if seen[c.target] {
			return refuse(CheckReference, clause(specList, "B.6"), "two References to the same element")
		}
		seen[c.target] = true
		s.covered = append(s.covered, c)
	}
	if !seen[s.root] || !seen[s.properties] {
		return refuse(CheckReference, clause(specList, "B.6"), "the list or the SignedProperties are not covered")
	}
	return nil
}

func (s *signature) reference(ref *etree.Element) (covered, error) {
	var c covered
	uri, hasURI := "", false
	for _, a := range ref.Attr {
		if a.Space == "" && a.Key == "URI" {
			uri, hasURI = a.Value, true
		}
	}
	kind := attribute(ref, "Type")
	leads := func(e *etree.Element) bool {
		id := attribute(e, "Id")
		return id != "" && uri == "#"+id
	}
	want := []string{algExclusive}
	switch {
	case hasURI && (uri == "" || leads(s.root)) && kind == "":
		c.target, c.root = s.root, true
		want = []string{algEnveloped, algExclusive}
	case leads(s.properties) && kind == typeSignedProperties:
		c.target = s.properties
	case leads(s.keyInfo) && kind == "":
		c.target = s.keyInfo
	default:
		return c, refuse(CheckReference, clause(specList, "B.6"), "a Reference of type %q leads to something else than the document element, the SignedProperties or the KeyInfo of this signature", clip(kind))
	}
	// XML Signature 1.1, Section 4.4.3.2: without transforms the octets are those
	// of Canonical XML 1.0. Austria and Liechtenstein signed their properties so.
	if c.inclusive = !c.root && len(children(ref, nsDS, "Transforms")) == 0; !c.inclusive {
		if err := transforms(ref, want); err != nil {
			return c, err
		}
	}
	hash, ok := digests[attribute(child(ref, nsDS, "DigestMethod"), "Algorithm")]
	if !ok {
		return c, refuse(CheckAlgorithms, specXMLSig+", Section 6.2", "DigestMethod is %q, expected SHA-256, SHA-384 or SHA-512", clip(attribute(child(ref, nsDS, "DigestMethod"), "Algorithm")))
	}
	c.hash = func(b []byte) []byte { return sum(hash, b) }
	var err error
	if c.digest, err = octets(child(ref, nsDS, "DigestValue")); err != nil {
		return c, refuse(CheckDigest, specXMLSig+", Section 4.4.3.6", "expected one DigestValue in base64")
	}
	return c, nil
}

// transforms checks that exactly these transforms stand there, in this order
// and without parameters.
func transforms(ref *etree.Element, want []string) error {
	list := child(ref, nsDS, "Transforms")
	bad := refuse(CheckTransforms, clause(specList, "B.6"), "expected the transforms %q in this order and without parameters", want)
	if list == nil || len(list.ChildElements()) != len(want) {
		return bad
	}
	for i, t := range list.ChildElements() {
		if !is(t, nsDS, "Transform") || attribute(t, "Algorithm") != want[i] || len(t.ChildElements()) != 0 {
			return bad
		}
	}
	return nil
}

// digests checks every digest and gives the octets of the list. It takes the
// signature out of the tree: nothing of the document is read after it.
func (s *signature) digests() ([]byte, error) {
	var content []byte
	for _, c := range s.covered {
		if c.root {
			continue // last: it destroys the tree
		}
		part, err := c.octets()
		if err != nil {
			return nil, refuse(CheckDigest, specXMLSig, "%s cannot be canonicalised", c.target.Tag)
		}
		if subtle.ConstantTimeCompare(c.hash(part), c.digest) != 1 {
			return nil, refuse(CheckDigest, specXMLSig+", Section 3.2.1", "the digest of %s does not fit", c.target.Tag)
		}
	}
	for _, c := range s.covered {
		if !c.root {
			continue
		}
		s.root.RemoveChild(s.element)
		var err error
		if content, err = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(s.root); err != nil {
			return nil, refuse(CheckDigest, specXMLSig, "the list cannot be canonicalised")
		}
		if subtle.ConstantTimeCompare(c.hash(content), c.digest) != 1 {
			return nil, refuse(CheckDigest, specXMLSig+", Section 3.2.1", "the digest of the list does not fit: it was changed after it was signed")
		}
	}
	return content, nil
}

// octets are those that are digested of a part of the signature.
func (c covered) octets() ([]byte, error) {
	if !c.inclusive {
		return canonicalPart(c.target)
	}
	if len(c.target.FindElements(".//*")) > maxPart {
		return nil, errors.New("too many elements")
	}
	return dsig.MakeC14N10RecCanonicalizer().Canonicalize(c.target)
}

// canonicalPart is the exclusive canonical form of an element inside the
// document, with the namespaces that are declared around it.
func canonicalPart(e *etree.Element) ([]byte, error) {
	scope, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	alone, err := etreeutils.NSDetatch(scope, e)
	if err != nil {
		return nil, err
	}
	return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
}

func holds(certs []*x509.Certificate, c *x509.Certificate) bool {
	for _, o := range certs {
		if bytes.Equal(o.Raw, c.Raw) {
			return true
		}
	}
	return false
}
