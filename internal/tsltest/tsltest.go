// Package tsltest writes and signs trusted lists (ETSI TS 119 612) for tests:
// lists that have expired, services that were withdrawn, pivots, and forgeries.
//
// It is for tests only and shares nothing with the package it tests: it knows
// no canonicalisation, because what it writes is in canonical form already, and
// so its digests are those of its own text. xmlsec1 agrees.
package tsltest

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// The identifiers that lists are made of most often.
const (
	TypeListOfLists = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUlistofthelists"
	TypeNational    = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric"
	Media           = "application/vnd.etsi.tsl+xml"

	CA        = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
	Granted   = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"
	Withdrawn = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"

	info = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/"
)

// List is what is written. What is left empty is filled with something that a
// list must have.
type List struct {
	Version     int // 6
	Sequence    int // 1
	Type        string
	Territory   string
	Issued      time.Time
	NextUpdate  time.Time // three months after Issued
	Closed      bool      // without NextUpdate
	Information []string  // SchemeInformationURI
	Pointers    []Pointer
	Providers   []Provider
	// Extension stands in SchemeExtensions.
	Extension string
}

// Pointer leads to another list.
type Pointer struct {
	Location, Type, Territory, Media string
	Signers                          []*x509.Certificate
}

// Provider offers services.
type Provider struct {
	Name     string
	Services []Service
}

// Service is a service in a state; History is what it was before, newest first.
type Service struct {
	Type         string // CA
	Status       string // Granted
	Since        time.Time
	Certificates []*x509.Certificate
	Extensions   []string // of Extension, For and Qualifications
	History      []Service
}

// XML is the list without a signature, in exclusive canonical form.
func (l List) XML() string {
	if l.Version == 0 {
		l.Version = 6
	}
	if l.Sequence == 0 {
		l.Sequence = 1
	}
	if l.NextUpdate.IsZero() {
		l.NextUpdate = l.Issued.AddDate(0, 3, 0)
	}
	if len(l.Information) == 0 {
		l.Information = []string{"https://lists.example/about"}
	}
	var b strings.Builder
	b.WriteString(`<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="list" TSLTag="http://uri.etsi.org/19612/TSLTag"><SchemeInformation>`)
	fmt.Fprintf(&b, `<TSLVersionIdentifier>%d</TSLVersionIdentifier><TSLSequenceNumber>%d</TSLSequenceNumber>`, l.Version, l.Sequence)
	element(&b, "TSLType", l.Type)
	b.WriteString(`<SchemeOperatorName>` + name("TEST operator "+l.Territory) + `</SchemeOperatorName>`)
	b.WriteString(`<SchemeName>` + name(l.Territory+":TEST list") + `</SchemeName><SchemeInformationURI>`)
	for _, u := range l.Information {
		b.WriteString(`<URI xml:lang="en">` + escape(u) + `</URI>`)
	}
	b.WriteString(`</SchemeInformationURI>`)
	element(&b, "StatusDeterminationApproach", "http://uri.etsi.org/TrstSvc/TrustedList/StatusDetn/EUappropriate")
	element(&b, "SchemeTerritory", l.Territory)
	element(&b, "HistoricalInformationPeriod", "65535")
	l.pointers(&b)
	element(&b, "ListIssueDateTime", instant(l.Issued))
	b.WriteString(`<NextUpdate>`)
	if !l.Closed {
		element(&b, "dateTime", instant(l.NextUpdate))
	}
	b.WriteString(`</NextUpdate>`)
	if l.Extension != "" {
		b.WriteString(`<SchemeExtensions>` + l.Extension + `</SchemeExtensions>`)
	}
	b.WriteString(`</SchemeInformation>`)
	l.providers(&b)
	b.WriteString(end)
	return b.String()
}

const end = `</TrustServiceStatusList>`

func (l List) pointers(b *strings.Builder) {
	if len(l.Pointers) == 0 {
		return
	}
	b.WriteString(`<PointersToOtherTSL>`)
	for _, p := range l.Pointers {
		if p.Media == "" {
			p.Media = Media
		}
		b.WriteString(`<OtherTSLPointer><ServiceDigitalIdentities>`)
		for _, c := range p.Signers {
			b.WriteString(`<ServiceDigitalIdentity>` + certificate(c) + `</ServiceDigitalIdentity>`)
		}
		b.WriteString(`</ServiceDigitalIdentities>`)
		element(b, "TSLLocation", p.Location)
		b.WriteString(`<AdditionalInformation><OtherInformation>`)
		element(b, "TSLType", p.Type)
		b.WriteString(`</OtherInformation><OtherInformation>`)
		element(b, "SchemeTerritory", p.Territory)
		b.WriteString(`</OtherInformation><OtherInformation><m:MimeType xmlns:m="http://uri.etsi.org/02231/v2/additionaltypes#">` + escape(p.Media) + `</m:MimeType></OtherInformation></AdditionalInformation></OtherTSLPointer>`)
	}
	b.WriteString(`</PointersToOtherTSL>`)
}

func (l List) providers(b *strings.Builder) {
	if len(l.Providers) == 0 {
		return
	}
	b.WriteString(`<TrustServiceProviderList>`)
	for _, p := range l.Providers {
		b.WriteString(`<TrustServiceProvider><TSPInformation><TSPName>` + name(p.Name) + `</TSPName><TSPInformationURI><URI xml:lang="en">https://provider.example/</URI></TSPInformationURI></TSPInformation><TSPServices>`)
		for _, s := range p.Services {
			b.WriteString(`<TSPService><ServiceInformation>`)
			s.write(b, true)
			b.WriteString(`</ServiceInformation>`)
			if len(s.History) > 0 {
				b.WriteString(`<ServiceHistory>`)
				for _, h := range s.History {
					h.Certificates = s.Certificates
					b.WriteString(`<ServiceHistoryInstance>`)
					h.write(b, false)
					b.WriteString(`</ServiceHistoryInstance>`)
				}
				b.WriteString(`</ServiceHistory>`)
			}
			b.WriteString(`</TSPService>`)
		}
		b.WriteString(`</TSPServices></TrustServiceProvider>`)
	}
	b.WriteString(`</TrustServiceProviderList>`)
}

func (s Service) write(b *strings.Builder, now bool) {
	if s.Type == "" {
		s.Type = CA
	}
	if s.Status == "" {
		s.Status = Granted
	}
	element(b, "ServiceTypeIdentifier", s.Type)
	b.WriteString(`<ServiceName>` + name("TEST service") + `</ServiceName><ServiceDigitalIdentity>`)
	for _, c := range s.Certificates {
		if now {
			b.WriteString(certificate(c))
		}
		b.WriteString(`<DigitalId><X509SubjectName>` + escape(c.Subject.String()) + `</X509SubjectName></DigitalId>`)
		if len(c.SubjectKeyId) > 0 {
			b.WriteString(`<DigitalId><X509SKI>` + base64.StdEncoding.EncodeToString(c.SubjectKeyId) + `</X509SKI></DigitalId>`)
		}
	}
	b.WriteString(`</ServiceDigitalIdentity>`)
	element(b, "ServiceStatus", s.Status)
	element(b, "StatusStartingTime", instant(s.Since))
	if len(s.Extensions) > 0 {
		b.WriteString(`<ServiceInformationExtensions>` + strings.Join(s.Extensions, "") + `</ServiceInformationExtensions>`)
	}
}

func element(b *strings.Builder, tag, value string) {
	b.WriteString("<" + tag + ">" + escape(value) + "</" + tag + ">")
}

func name(s string) string { return `<Name xml:lang="en">` + escape(s) + `</Name>` }

func certificate(c *x509.Certificate) string {
	return `<DigitalId><X509Certificate>` + base64.StdEncoding.EncodeToString(c.Raw) + `</X509Certificate></DigitalId>`
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escape(s string) string { return escaper.Replace(s) }
