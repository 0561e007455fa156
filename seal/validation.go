package seal

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/inquiry"
)

// Indication is the main status of a validation (ETSI EN 319 102-1 V1.4.1,
// clause 5.1.3).
type Indication string

const (
	// TotalPassed: the signature holds and every constraint is met.
	TotalPassed Indication = "TOTAL_PASSED"
	// TotalFailed: the signature is broken or its format is.
	TotalFailed Indication = "TOTAL_FAILED"
	// Indeterminate: what is known does not suffice.
	Indeterminate Indication = "INDETERMINATE"
)

// SubIndication says why (EN 319 102-1, clause 5.1.3, table 6).
type SubIndication string

const (
	FormatFailure               SubIndication = "FORMAT_FAILURE"
	HashFailure                 SubIndication = "HASH_FAILURE"
	SigCryptoFailure            SubIndication = "SIG_CRYPTO_FAILURE"
	SigConstraintsFailure       SubIndication = "SIG_CONSTRAINTS_FAILURE"
	ChainConstraintsFailure     SubIndication = "CHAIN_CONSTRAINTS_FAILURE"
	CryptoConstraintsFailure    SubIndication = "CRYPTO_CONSTRAINTS_FAILURE"
	CryptoConstraintsNoPOE      SubIndication = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
	NoSigningCertificateFound   SubIndication = "NO_SIGNING_CERTIFICATE_FOUND"
	NoCertificateChainFound     SubIndication = "NO_CERTIFICATE_CHAIN_FOUND"
	SignedDataNotFound          SubIndication = "SIGNED_DATA_NOT_FOUND"
	SignaturePolicyNotAvailable SubIndication = "SIGNATURE_POLICY_NOT_AVAILABLE"
	NoCertificateChainNoPOE     SubIndication = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
	NotYetValid                 SubIndication = "NOT_YET_VALID"
	TimestampOrderFailure       SubIndication = "TIMESTAMP_ORDER_FAILURE"
	Revoked                     SubIndication = "REVOKED"
	Expired                     SubIndication = "EXPIRED"
	OutOfBoundsNotRevoked       SubIndication = "OUT_OF_BOUNDS_NOT_REVOKED"
	OutOfBoundsNoPOE            SubIndication = "OUT_OF_BOUNDS_NO_POE"
	RevokedNoPOE                SubIndication = "REVOKED_NO_POE"
	RevokedCANoPOE              SubIndication = "REVOKED_CA_NO_POE"
	RevocationOutOfBoundsNoPOE  SubIndication = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
	TryLater                    SubIndication = "TRY_LATER"
)

// Qualification is what the seal is in law, apart from whether it holds.
type Qualification string

const (
	// QESeal is a qualified electronic seal. It needs a trusted list.
	QESeal Qualification = "QESeal"
	// AdESealQC is an advanced seal with a qualified certificate. It needs a
	// trusted list.
	AdESealQC Qualification = "AdESeal-QC"
	// AdESeal is an advanced electronic seal: it identifies its creator.
	AdESeal Qualification = "AdESeal"
	// NotApplicable: no seal, or none that holds.
	NotApplicable Qualification = "N/A"
)

// Level is the conformance level of the signature format.
type Level string

const (
	// BaselineB is JAdES B-B (TS 119 182-1, clause 6).
	BaselineB Level = "JAdES-BASELINE-B"
	// BaselineT is B-B with a time-stamp of the signature, by a trusted authority.
	BaselineT Level = "JAdES-BASELINE-T"
	// BaselineLT is B-T that holds what says of every certificate that it was
	// valid and not revoked.
	BaselineLT Level = "JAdES-BASELINE-LT"
	// BaselineLTA is B-LT under an archive time-stamp.
	BaselineLTA Level = "JAdES-BASELINE-LTA"
	// IssuerAuth is the issuer's signature of an ISO mdoc (ISO/IEC 18013-5, issuer
	// data authentication) with a seal certificate. It is no ETSI format, and
	// needs none to be a seal: what makes one is its certificate and its key.
	IssuerAuth Level = "ISO-18013-5-ISSUER-AUTH"
	// DataIntegrity is a Data Integrity proof by the key of a seal certificate
	// that stands with the verification method (W3C Verifiable Credential Data
	// Integrity 1.0; Controlled Identifiers 1.0). For what it is worth the same
	// holds as for IssuerAuth.
	DataIntegrity Level = "W3C-DATA-INTEGRITY"
	// NotBaseline is a signature that holds and misses what a baseline seal
	// has. Do not accept it for more than it is.
	NotBaseline Level = "NOT-BASELINE"
)

// Includes reports whether a seal of this level has what another asks for.
func (l Level) Includes(other Level) bool {
	levels := []Level{BaselineB, BaselineT, BaselineLT, BaselineLTA}
	have, want := slices.Index(levels, l), slices.Index(levels, other)
	return l == other || want >= 0 && have >= want
}

// The checks of a validation, in the order in which they are made.
const (
	CheckFormat       = "seal_format"
	CheckCertificate  = "seal_certificate"
	CheckAlgorithm    = "seal_algorithm"
	CheckSignature    = "seal_signature"
	CheckTimeStamp    = "seal_time_stamp"         // one for each
	CheckArchiveStamp = "seal_archive_time_stamp" // one for each, the last first
	CheckContentStamp = "seal_content_time_stamp" // one for each
	CheckChain        = "seal_chain"
	CheckValidity     = "seal_certificate_validity"
	CheckKeyUsage     = "seal_key_usage"
	CheckRevocation   = "seal_revocation"
	CheckAlgorithmEnd = "seal_algorithm_end" // where the end of one is known
	CheckAttributes   = "seal_signed_attributes"
	CheckValues       = "seal_validation_data"
	CheckBaseline     = "seal_baseline"
	CheckStatements   = "seal_qc_statements"
	CheckListed       = "seal_trusted_list_" // and the name of a step of inquiry, one for each
	CheckQualified    = "seal_qualification"
	CheckProviderList = "provider_list"
)

// checks is how many these are.
const checks = 13

// required are the checks without which nothing holds. CheckRevocation and
// CheckProviderList may be skipped by policy.
var required = []string{CheckFormat, CheckCertificate, CheckAlgorithm, CheckSignature, CheckChain,
	CheckValidity, CheckKeyUsage, CheckAttributes, CheckBaseline}

// AuthenticSource is the source that the certificate says its holder answers
// for, and the law (QcPSB). Not to be believed unless the validation holds.
type AuthenticSource struct {
	Country     string
	Name        string
	Legislation string
}

// Validation is the outcome of validating a seal. The zero value has no
// indication and holds nothing.
type Validation struct {
	Indication    Indication
	SubIndication SubIndication // empty with TotalPassed
	Qualification Qualification
	Level         Level

	// Certificate is the signing certificate, as soon as it is identified. Its
	// key is the one to verify anything further with.
	Certificate *x509.Certificate
	// Path is the verified chain; nil when there is none.
	Path *trust.Path
	// ClaimedTime is when the creator says it sealed.
	ClaimedTime time.Time
	// BestSignatureTime is the earliest time at which the signature is proven to
	// have existed; that of the validation where no time-stamp proves one. The
	// certificate and its revocation were judged at this time.
	BestSignatureTime time.Time
	// TimeStamps are those of the evidence, in its order.
	TimeStamps []TimeStamp
	// ContentTimeStamps are those that were signed with the payload (adoTst), in the
	// order of the header. They prove that the content existed, and of the seal that
	// it is younger.
	ContentTimeStamps []TimeStamp
	// StampBefore is when the certificates of the authority that stamped last run
	// out, or one of the algorithms of what it made ends, whatever is first: by then
	// the evidence must be stamped again. Zero without a time-stamp that holds.
	StampBefore time.Time
	// Organization is the creator's registration.
	Organization *qc.Organization
	Statements   qc.Statements
	Source       *AuthenticSource
	// Listed is what the trusted lists say of the certificate; nil where they were
	// not asked.
	Listed *inquiry.Determination
	// Provider is the creator's entry in the list of PuB-EAA providers.
	Provider *trust.Provider
	// Revocation is what is known of the signing certificate.
	Revocation trust.RevocationStatus

	Checks credential.Report
}

// ErrNotAccepted is returned by Err.
var ErrNotAccepted = errors.New("the seal is not accepted")

// Err is nil when the seal holds in a form that has a level and no check failed:
// the question of most callers. It names the checks that failed. What the seal is
// worth is in Qualification.
func (v Validation) Err() error {
	if v.Indication == TotalPassed && v.Checks.OK(required...) {
		return nil
	}
	return fmt.Errorf("%w: %s %s, failed checks: %s", ErrNotAccepted, v.Indication, v.SubIndication, strings.Join(v.Checks.Failures(), ", "))
}

// totalFailed records a failure that nothing can mend.
func (v *Validation) totalFailed(sub SubIndication, check, spec string, why error) {
	v.Checks.Fail(check, spec, why.Error())
	v.Indication, v.SubIndication = TotalFailed, sub
}

// indeterminate records a constraint that is not met. The first one stands.
func (v *Validation) indeterminate(sub SubIndication, check, spec string, why error) {
	v.Checks.Fail(check, spec, why.Error())
	if v.Indication == "" {
		v.Indication, v.SubIndication = Indeterminate, sub
	}
}
