package report

import (
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// advice says what a sub-indication means and what to do.
type advice struct{ means, do string }

// advices are for the sub-indications of ETSI EN 319 102-1, clause 5.1.3, table 6.
var advices = map[seal.SubIndication]advice{
	seal.FormatFailure: {
		"The document is no signature that can be processed, or it breaks a rule of its format.",
		"See whether the file is whole, and is the sealed document and not a picture or a page about it. Ask its sender for it once more."},
	seal.HashFailure: {
		"What is there is not what was sealed: the document, or something that comes with it, was changed or added later, or another key made the signature.",
		"Do not rely on the document. Ask its creator for the original."},
	seal.SigCryptoFailure: {
		"The signature cannot be verified with the key of the certificate.",
		"Do not rely on the document. Ask its creator for the original."},
	seal.Revoked: {
		"It is proven that the seal was made after its certificate had been revoked.",
		"Do not rely on the document."},
	seal.Expired: {
		"It is proven that the seal was made after its certificate had run out.",
		"Do not rely on the document. Ask its creator to seal it anew."},
	seal.NotYetValid: {
		"It is proven that the seal was made before its certificate was valid.",
		"Do not rely on the document. Ask its creator to seal it anew."},
	seal.SigConstraintsFailure: {
		"What was signed along with the document, such as the time, breaks a rule, or a time-stamp of the content that must hold does not.",
		"Ask the creator to seal the document anew; a rule that is broken does not mend by itself."},
	seal.ChainConstraintsFailure: {
		"The certificate, or one between it and who is trusted, is not made for seals or breaks a rule for certificates.",
		"Ask the creator which certificate it seals with, and to seal anew with one for seals."},
	"CERTIFICATE_CHAIN_GENERAL_FAILURE": {
		"The certificates cannot be judged.",
		"Ask the creator for the certificates of its authority."},
	seal.CryptoConstraintsFailure: {
		"An algorithm or a key is not strong enough, or not one of those that are allowed.",
		"Ask the creator to seal the document anew."},
	seal.CryptoConstraintsNoPOE: {
		"An algorithm or a key of the seal, or of what says that its certificates were not revoked, is no longer strong enough, and nothing proves that it is older than that.",
		"Look for the evidence that was kept beside the document: a time-stamp in it may prove it."},
	"POLICY_PROCESSING_ERROR": {
		"The policy that the seal names cannot be read.",
		"Ask the creator for the policy, and somebody who knows it to judge the seal."},
	seal.SignaturePolicyNotAvailable: {
		"The seal says that it must be judged by a policy, which is not known here.",
		"Ask the creator for the policy, and somebody who knows it to judge the seal."},
	seal.TimestampOrderFailure: {
		"The time-stamps contradict each other.",
		"Look for other evidence of the same seal."},
	seal.NoSigningCertificateFound: {
		"The document does not hold the certificate of its seal, or not the one that was signed with. Addresses in a document are not followed.",
		"Ask the creator for the document with its certificate in it."},
	seal.NoCertificateChainFound: {
		"Nobody who is trusted here vouches for the certificate, at the time that counts.",
		"If you know its authority, name it among those that are trusted, and judge again. That is a decision, not a formality."},
	seal.NoCertificateChainNoPOE: {
		"Who vouches for the certificate was trusted once and is no longer, and nothing proves that the seal is older than that.",
		"Look for the evidence that was kept beside the document: a time-stamp in it may prove it."},
	seal.RevokedNoPOE: {
		"The certificate is revoked, and nothing proves that the seal is older than that.",
		"Look for the evidence that was kept beside the document: a time-stamp in it may prove it. Without, do not rely on the document."},
	seal.RevokedCANoPOE: {
		"The certificate of an authority is revoked, and nothing proves that the seal is older than that.",
		"Look for the evidence that was kept beside the document: a time-stamp in it may prove it. Without, do not rely on the document."},
	seal.OutOfBoundsNotRevoked: {
		"The certificate was not valid at the time that counts, though it was not revoked, and nothing proves that the seal was made while it was.",
		"Look for the evidence that was kept beside the document: a time-stamp in it may prove when it was sealed."},
	seal.OutOfBoundsNoPOE: {
		"The certificate was not valid at the time that counts: it has run out, or is not valid yet. Nothing proves that the seal was made while it was.",
		"Look for the evidence that was kept beside the document: a time-stamp in it may prove when it was sealed."},
	seal.RevocationOutOfBoundsNoPOE: {
		"Who said that the certificate was not revoked has a certificate that ran out, and nothing proves that it was said before.",
		"Judge again with a current revocation list, or look for evidence in which a later time-stamp covers what was said."},
	"NO_POE": {
		"A proof is missing that something which was signed is old enough.",
		"Look for the evidence that was kept beside the document."},
	seal.TryLater: {
		"Nothing current is known of the revocation of a certificate, or it is suspended, or the list that names whom to trust has run out.",
		"Judge again when a new list is there, or with the revocation list named; its address stands in the certificate."},
	seal.SignedDataNotFound: {
		"What was sealed is not in the document but elsewhere.",
		"Ask for the document that holds what was sealed."},
}

// meaning says in a sentence or two what the verdict is.
func (r Report) meaning() string {
	switch {
	case r.Accepted:
		return "The document is as it was sealed, and its seal met every rule that it was held against."
	case r.Indication == seal.TotalFailed:
		return "There is no seal that holds for this document, and no further proof can mend that."
	case r.Indication == seal.Indeterminate:
		return "What is known does not suffice to say that the seal holds. It is not shown to be broken either."
	case r.Level == seal.NotBaseline:
		return "The signature holds, but it lacks what makes it a seal of the European format; the failed checks below say what."
	default:
		return "The seal itself holds, but a check that was asked for failed; the checks below say which."
	}
}

// qualifications are the words of the law for what a seal is worth.
var qualifications = map[seal.Qualification]string{
	seal.QESeal:        "a qualified electronic seal (Regulation (EU) No 910/2014, Article 3(27)): that the data are whole and come from the creator is presumed (Article 35(2))",
	seal.AdESealQC:     "an advanced electronic seal with a qualified certificate (Regulation (EU) No 910/2014, Articles 36 and 38); not a qualified seal",
	seal.AdESeal:       "an advanced electronic seal (Regulation (EU) No 910/2014, Article 36); not shown to be a qualified one",
	seal.NotApplicable: "nothing is said of what it is in law",
}

var levels = map[seal.Level]string{
	seal.BaselineB:     "the seal alone; it can be judged while its certificate is valid",
	seal.BaselineT:     "the seal and a time-stamp of it",
	seal.BaselineLT:    "the seal, a time-stamp of it, and what says that the certificates were not revoked",
	seal.BaselineLTA:   "the seal, a time-stamp of it, what says that the certificates were not revoked, and an archive time-stamp over all",
	seal.IssuerAuth:    "the issuer's signature of an ISO mdoc, with a certificate for seals",
	seal.DataIntegrity: "a Data Integrity proof, with a certificate for seals",
	seal.NotBaseline:   "it lacks what a level asks for, or was not judged that far",
}

var processes = map[Process]string{
	Basic: "Basic Signatures (clause 5.3)", WithTime: "signatures with time (clause 5.5)", LongTerm: "long-term availability (clause 5.6.3)",
}

// titles name the checks for people.
var titles = map[string]string{
	seal.CheckFormat:              "Form of the document",
	seal.CheckCertificate:         "Certificate of the seal",
	seal.CheckAlgorithm:           "Algorithm",
	seal.CheckSignature:           "Signature over the document",
	seal.CheckTimeStamp:           "Time-stamp",
	seal.CheckArchiveStamp:        "Archive time-stamp",
	seal.CheckContentStamp:        "Time-stamp of the content",
	seal.CheckChain:               "Chain to who is trusted",
	seal.CheckValidity:            "Validity of the certificates",
	seal.CheckKeyUsage:            "Purpose of the certificate",
	seal.CheckRevocation:          "Revocation",
	seal.CheckAlgorithmEnd:        "End of an algorithm",
	seal.CheckAttributes:          "What was signed along",
	seal.CheckValues:              "Proofs kept in the evidence",
	seal.CheckBaseline:            "Level of the format",
	seal.CheckStatements:          "What the certificate says of itself",
	seal.CheckQualified:           "Worth in law",
	seal.CheckProviderList:        "List of providers of attestations",
	CheckDisclosures:              "What is disclosed",
	credential.CheckHolderBinding: "Proof of the holder",
}

var listSteps = map[string]string{
	tsl.StepTimes: "times", tsl.StepListOfLists: "list of lists", tsl.StepChain: "chain", tsl.StepService: "service", tsl.StepList: "national list",
	tsl.StepHistory: "history of the service", tsl.StepStatus: "status of the service", tsl.StepExtensions: "extensions", tsl.StepProvider: "name of the provider",
	tsl.StepQualifiers: "qualifiers", tsl.StepCertificate: "certificate", tsl.StepQualified: "qualified certificate", tsl.StepPurpose: "purpose",
	tsl.StepDevice: "qualified device", tsl.StepConflict: "contradiction", tsl.StepVerdict: "conclusion",
}

// title is the name of a check for people, and nothing where it has none.
func title(check string) string {
	if step, ok := strings.CutPrefix(check, seal.CheckListed); ok {
		return "Trusted lists, " + or(listSteps[step], step)
	}
	return titles[check]
}
