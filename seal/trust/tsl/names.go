package tsl

// Types of lists (ETSI TS 119 612, clause 5.3.3).
const (
	TypeListOfLists = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUlistofthelists"
	TypeNational    = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric"
)

// MediaType is that of a list in XML, as pointers name it.
const MediaType = "application/vnd.etsi.tsl+xml"

// Types of services (ETSI TS 119 612, clause 5.5.1).
const (
	// ServiceCA issues qualified certificates.
	ServiceCA = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
	// ServiceTimestamp makes qualified electronic time stamps.
	ServiceTimestamp = "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST"
	// ServiceAttestation issues qualified electronic attestations of attributes.
	ServiceAttestation = "http://uri.etsi.org/TrstSvc/Svctype/EAA/Q"
)

// Statuses of services (ETSI TS 119 612, clause 5.5.4). Those of Directive
// 1999/93/EC, such as undersupervision, make nothing qualified here.
const (
	StatusGranted   = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"
	StatusWithdrawn = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"
)

const infoBase = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/"

// Additional information on a service: what its certificates are for (ETSI TS
// 119 612, clause 5.5.9.4).
const (
	ForSignatures = infoBase + "ForeSignatures"
	ForSeals      = infoBase + "ForeSeals"
	ForWebsites   = infoBase + "ForWebSiteAuthentication"
)

// Qualifiers of certificates (ETSI TS 119 612, clause 5.5.9.2.3).
const (
	QCStatement           = infoBase + "QCStatement"
	NotQualified          = infoBase + "NotQualified"
	QCForESig             = infoBase + "QCForESig"
	QCForESeal            = infoBase + "QCForESeal"
	QCForWSA              = infoBase + "QCForWSA"
	QCWithQSCD            = infoBase + "QCWithQSCD"
	QCNoQSCD              = infoBase + "QCNoQSCD"
	QCQSCDStatusAsInCert  = infoBase + "QCQSCDStatusAsInCert"
	QCQSCDManagedOnBehalf = infoBase + "QCQSCDManagedOnBehalf"
	qcForLegalPerson      = infoBase + "QCForLegalPerson"
	qcWithSSCD            = infoBase + "QCWithSSCD"
	qcNoSSCD              = infoBase + "QCNoSSCD"
	qcSSCDStatusAsInCert  = infoBase + "QCSSCDStatusAsInCert"
)

// qualifiers are all that ETSI TS 119 612 defines. The SSCD ones belong to the
// time of the Directive and say nothing of a qualified device of now.
var qualifiers = map[string]bool{
	QCStatement: true, NotQualified: true, QCForESig: true, QCForESeal: true, QCForWSA: true,
	QCWithQSCD: true, QCNoQSCD: true, QCQSCDStatusAsInCert: true, QCQSCDManagedOnBehalf: true,
	qcForLegalPerson: true, qcWithSSCD: true, qcNoSSCD: true, qcSSCDStatusAsInCert: true,
}
