package tsltest

import (
	"fmt"
	"strings"
)

// Namespace declarations of what stands in extensions.
const (
	xmlnsQ = ` xmlns:q="http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#"`
	xmlnsM = ` xmlns:m="http://uri.etsi.org/02231/v2/additionaltypes#"`
	xmlnsX = ` xmlns:x="http://uri.etsi.org/01903/v1.3.2#"`
)

// Extension is an extension with any content.
func Extension(critical bool, content string) string {
	return fmt.Sprintf(`<Extension Critical="%t">%s</Extension>`, critical, content)
}

// For says what the certificates of a service are for, such as ForeSeals.
func For(purpose string) string {
	return Extension(true, `<AdditionalServiceInformation><URI xml:lang="en">`+info+purpose+`</URI></AdditionalServiceInformation>`)
}

// Qualified gives qualifiers, such as QCWithQSCD, to the certificates that fit
// the criteria.
func Qualified(critical bool, criteria string, qualifiers ...string) string {
	var b strings.Builder
	for _, q := range qualifiers {
		if !strings.Contains(q, ":") {
			q = info + q
		}
		b.WriteString(`<q:Qualifier uri="` + q + `"></q:Qualifier>`)
	}
	return Extension(critical, `<q:Qualifications`+xmlnsQ+`><q:QualificationElement><q:Qualifiers>`+b.String()+`</q:Qualifiers>`+criteria+`</q:QualificationElement></q:Qualifications>`)
}

// Criteria puts criteria together; assert is all, atLeastOne or none.
func Criteria(assert string, criteria ...string) string {
	return `<q:CriteriaList assert="` + assert + `">` + strings.Join(criteria, "") + `</q:CriteriaList>`
}

// KeyUsage is a criterion: a key usage bit, such as nonRepudiation.
func KeyUsage(bit string, set bool) string {
	return fmt.Sprintf(`<q:KeyUsage><q:KeyUsageBit name="%s">%t</q:KeyUsageBit></q:KeyUsage>`, bit, set)
}

// Policies is a criterion: certificate policies, dotted.
func Policies(oids ...string) string {
	var b strings.Builder
	for _, id := range oids {
		b.WriteString(`<q:PolicyIdentifier><x:Identifier` + xmlnsX + ` Qualifier="OIDAsURN">urn:oid:` + id + `</x:Identifier></q:PolicyIdentifier>`)
	}
	return `<q:PolicySet>` + b.String() + `</q:PolicySet>`
}

// ExtendedKeyUsage is a criterion: a purpose, dotted.
func ExtendedKeyUsage(oid string) string {
	return other(`<m:ExtendedKeyUsage` + xmlnsM + `><m:KeyPurposeId><x:Identifier` + xmlnsX + `>` + oid + `</x:Identifier></m:KeyPurposeId></m:ExtendedKeyUsage>`)
}

// SubjectAttribute is a criterion: an attribute of the subject's name, dotted.
func SubjectAttribute(oid string) string {
	return other(`<m:CertSubjectDNAttribute` + xmlnsM + `><m:AttributeOID><x:Identifier` + xmlnsX + `>` + oid + `</x:Identifier></m:AttributeOID></m:CertSubjectDNAttribute>`)
}

// Unknown is a criterion that nobody understands.
func Unknown() string { return other(`<u:Phase xmlns:u="urn:example:moon">full</u:Phase>`) }

func other(content string) string {
	return `<q:otherCriteriaList>` + content + `</q:otherCriteriaList>`
}
