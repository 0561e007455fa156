package main

import (
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/verifier/policy"
)

// Config is the one configuration of a running zegel. Unknown keys are errors;
// secrets are never values but paths of files that hold them.
type Config struct {
	// Profile is "production" (the default) or "development". Only the
	// development profile may serve plain http, on loopback alone.
	Profile string `yaml:"profile"`
	// Data is the directory of everything this process keeps: store, use log,
	// keys, local pods. It is made with mode 0700.
	Data string `yaml:"data"`
	// Socket is the local admin socket; empty means <data>/admin.sock.
	Socket string `yaml:"socket"`
	// Keys is the directory that `zegel keys init` filled; empty means <data>/keys.
	Keys string `yaml:"keys"`
	// Log is "text" or "json".
	Log string `yaml:"log"`

	Store    StoreConfig     `yaml:"store"`
	UseLog   UseLogConfig    `yaml:"use_log"`
	Issuer   *IssuerConfig   `yaml:"issuer"`
	Holder   *HolderConfig   `yaml:"holder"`
	Verifier *VerifierConfig `yaml:"verifier"`
	VCAPI    *VCAPIConfig    `yaml:"vc_api"`

	path string // where it was read
	// historyIn is the part of the store with the history of keys; empty is the
	// store itself. Only a demonstration has one, whose keys are new each time.
	historyIn string
}

// StoreConfig chooses the store driver.
type StoreConfig struct {
	// Kind is "embedded" (the default) or "mongodb".
	Kind string `yaml:"kind"`
	// URIFile holds the MongoDB connection string.
	URIFile  string `yaml:"uri_file"`
	Database string `yaml:"database"`
}

// ListenConfig is where a role serves.
type ListenConfig struct {
	// URL is the public base URL of the role.
	URL string `yaml:"url"`
	// Listen is host:port; empty takes them from URL.
	Listen string `yaml:"listen"`
	// Certificate and Key are PEM files; without them a TLS-terminating proxy
	// must stand in front, on this host.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// ClientCA is a PEM file; institutions may then authenticate with
	// certificates of these authorities.
	ClientCA string `yaml:"client_ca"`
	// TrustedProxies are addresses or prefixes of proxies in front, whose
	// X-Forwarded-For is believed; without them all callers behind a proxy
	// share one rate limit.
	TrustedProxies []string `yaml:"trusted_proxies"`
}

// SignInConfig is the OpenID provider where citizens sign in.
type SignInConfig struct {
	Issuer           string   `yaml:"issuer"`
	ClientID         string   `yaml:"client_id"`
	ClientSecretFile string   `yaml:"client_secret_file"`
	ACR              []string `yaml:"acr"`
}

// ClientConfig is an institution that may use an API.
type ClientConfig struct {
	// ID names it in logs and registers, such as its OVO or KBO number.
	ID string `yaml:"id"`
	// KeySHA256 are digests of its API keys, as `zegel api-key` prints them.
	KeySHA256 []string `yaml:"key_sha256"`
	// CertificateSHA256 are digests of its client certificates.
	CertificateSHA256 []string `yaml:"certificate_sha256"`
	// Permissions are named in the documentation of each API.
	Permissions []string `yaml:"permissions"`
}

// IssuerConfig configures the issuer, or one of its tenants.
type IssuerConfig struct {
	ListenConfig `yaml:",inline"`
	// Tenant is the name of a tenant, under which `zegel keys tenant` made its
	// keys; empty for the issuer itself.
	Tenant string `yaml:"tenant"`
	// Tenants are further issuers on the same listener, each with an identifier,
	// keys, suppliers and clients of its own. Nothing is inherited.
	Tenants []IssuerConfig `yaml:"tenants"`
	// Types are the credential configurations; without them the built-in
	// led_diploma is the only one.
	Types []TypeConfig `yaml:"types"`
	// Encryption of credential requests and responses: "" (offered), "required"
	// or "off".
	Encryption issuer.Encryption `yaml:"encryption"`
	// UnsignedMetadata leaves out the metadata as a signed JWT, which wallets
	// otherwise get when they ask for it.
	UnsignedMetadata bool `yaml:"unsigned_metadata"`
	// Attesters of wallets' keys; none by default.
	Attesters AttestersConfig `yaml:"attesters"`
	SignIn    *SignInConfig   `yaml:"sign_in"`
	// Seal says where the seal key is; without it, in the key directory.
	Seal *SealConfig `yaml:"seal"`
	// Wallets and WalletProviders are the clients of the authorization server.
	Wallets         []WalletConfig         `yaml:"wallets"`
	WalletProviders []WalletProviderConfig `yaml:"wallet_providers"`
	// AnonymousWallets may redeem offers with a pre-authorized code; true if left
	// out.
	AnonymousWallets *bool `yaml:"anonymous_wallets"`
	// BoundTokens refuses wallets that do not bind their tokens to a key.
	BoundTokens bool `yaml:"bound_tokens"`
	// RefreshLife is how long wallets can renew what they collected, such as
	// "2160h" (the default and the most); "0s" for never.
	RefreshLife string `yaml:"refresh_life"`
	refreshLife time.Duration
	// Register is a YAML file: the register of supplying organisations.
	Register string `yaml:"register"`
	// Connectors say how registered suppliers are asked.
	Connectors []ConnectorConfig `yaml:"connectors"`
	// Profile of the attestation payload: "etsi" (default) or "cir".
	Attestation string         `yaml:"attestation"`
	Clients     []ClientConfig `yaml:"clients"`
	// VaultPlatforms are base URLs of vault platforms whose citizens may collect here.
	VaultPlatforms []string `yaml:"vault_platforms"`
	BatchSize      int      `yaml:"batch_size"`
	// StatusTTL is how long others may keep a status list, such as "5m" (the
	// default). Changes of a twentieth of it, at most of 15 seconds, are
	// published together. Others may see a revocation so late, and the time
	// they keep the list.
	StatusTTL string `yaml:"status_ttl"`
	statusTTL time.Duration
}

// TypeConfig is a credential configuration of an issuer.
type TypeConfig struct {
	// ID is the credential configuration identifier, such as led_diploma.
	ID string `yaml:"id"`
	// Name is the last segment of the type's address, <url>/types/<name>; the
	// identifier with hyphens for underscores if empty.
	Name string `yaml:"name"`
	// Scope asks for it in the authorization code flow; the identifier if empty.
	Scope string `yaml:"scope"`
	// Metadata is a JSON file, the SD-JWT VC type metadata with {vct} where the
	// type's address belongs, or "led-diploma" for the one that is built in.
	Metadata string `yaml:"metadata"`
	// Format of its credentials: dc+sd-jwt (the default), mso_mdoc,
	// jwt_vc_json or ldp_vc.
	Format credential.Format `yaml:"format"`
	// Definition is a JSON file with what else the format needs: the document type
	// of an mdoc, the profile of a W3C credential; or what is built in:
	// "led-diploma" for an mdoc, "elm" or "oslo" for a W3C credential.
	Definition string `yaml:"definition"`
	// Proofs are the proof types that are taken: jwt (the default), di_vp and
	// attestation.
	Proofs []oid4vci.ProofType `yaml:"proofs"`
	// KeyAlgorithms of keys that credentials are bound to: ES256 (the default),
	// ES384 and EdDSA. Verifiers must know them too.
	KeyAlgorithms []jose.Alg `yaml:"key_algorithms"`
	// KeyDIDs lets jwt proofs name keys by did:key and did:jwk.
	KeyDIDs bool `yaml:"key_dids"`
	// KeyCertificates lets jwt proofs carry keys in certificates, which are not
	// checked.
	KeyCertificates bool `yaml:"key_certificates"`
	// WithoutVault lets citizens have it in wallets of others, which bring no
	// handle of a vault.
	WithoutVault bool `yaml:"without_vault"`
	// ACR are the authentication methods that are strong enough for it, on top of
	// those of sign_in; MaxAge is how long ago the citizen may have authenticated,
	// such as "15m".
	ACR    []string `yaml:"acr"`
	MaxAge string   `yaml:"max_age"`
	maxAge time.Duration
	// AttestedKeys demands that a trusted attester vouches for the keys.
	AttestedKeys *AttestedKeysConfig `yaml:"attested_keys"`
}

// AttestedKeysConfig says which key attestations are good enough; empty lists
// accept any value (OpenID4VCI 1.0, Appendix D.2).
type AttestedKeysConfig struct {
	KeyStorage         []string `yaml:"key_storage"`
	UserAuthentication []string `yaml:"user_authentication"`
}

// AttestersConfig are the issuers of key attestations that are trusted.
type AttestersConfig struct {
	// Keys is a JSON file: a JWK set, each key with a kid.
	Keys string `yaml:"keys"`
	// Anchors is a PEM file with authorities of those who sign with x5c.
	Anchors string `yaml:"anchors"`
}

// ConnectorConfig says how one data type of one supplier is asked.
type ConnectorConfig struct {
	Supplier string `yaml:"supplier"`
	DataType string `yaml:"data_type"`
	// Configuration is the credential configuration of its records.
	Configuration string `yaml:"configuration"`
	// Configurations are further ones of the same records, in other formats.
	Configurations []string `yaml:"configurations"`
	// Kind is "magda", "http" or "file".
	Kind string `yaml:"kind"`
	// Mapping is a YAML file, or "led-diploma" for the one that is built in.
	Mapping string `yaml:"mapping"`
	// URL of the endpoint (magda, http).
	URL string `yaml:"url"`
	// Source is a YAML file that declares the interface (http, file).
	Source string `yaml:"source"`
	// File is the file with the records (file).
	File string `yaml:"file"`
	// Certificate and Key are PEM files for mutual TLS and, with magda, for
	// signing; Roots names the other side.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	Roots       string `yaml:"roots"`
	// TokenFile holds a bearer token that the supplier wants (http).
	TokenFile string `yaml:"token_file"`
	// Security is how messages are signed and answers verified (magda).
	Security SecurityConfig `yaml:"security"`
	// Sender is the registration of the asking organisation (magda).
	Sender   string `yaml:"sender"`
	Capacity string `yaml:"capacity"`
}

// SecurityConfig is the WS-Security policy agreed with the platform, which is
// not public. Empty values are the defaults of the X.509 token profile that
// the platform's published tests use.
type SecurityConfig struct {
	// Unsigned sends messages without a signature; the real platform refuses them.
	Unsigned bool `yaml:"unsigned"`
	// Parts are timestamp, body and token; default timestamp and body.
	Parts []wssecurity.Part `yaml:"parts"`
	// TokenReference is direct, issuer_serial, subject_key_identifier or
	// thumbprint_sha1; default direct.
	TokenReference wssecurity.TokenReference `yaml:"token_reference"`
	// Digest is sha256, sha384 or sha512; default sha256.
	Digest wssecurity.Digest `yaml:"digest"`
	// Algorithm is rsa-sha256 and the like; default by key.
	Algorithm wssecurity.Algorithm `yaml:"algorithm"`
	// Life of a message, such as "5m" (the default).
	Life string `yaml:"life"`
	// OmitMustUnderstand leaves soapenv:mustUnderstand off the header.
	OmitMustUnderstand bool `yaml:"omit_must_understand"`
	// AnswersRoots is a PEM file; answers must then be signed under it.
	AnswersRoots string `yaml:"answers_roots"`
	// CorrelationHeader carries the correlation id; default x-correlation-id.
	CorrelationHeader string `yaml:"correlation_header"`
}

// UseLogConfig configures the use log.
type UseLogConfig struct {
	// Classes say how long which kinds of events are kept; without them uses of
	// vaults are kept ten years.
	Classes []audit.Class `yaml:"classes"`
	// EarlierKeys are PEM files with public keys that signed checkpoints before
	// the present one.
	EarlierKeys []string `yaml:"earlier_keys"`
}

// HolderConfig configures the vault platform.
type HolderConfig struct {
	ListenConfig `yaml:",inline"`
	SignIn       *SignInConfig `yaml:"sign_in"`
	Pods         PodConfig     `yaml:"pods"`
	// Issuers are told when a vault is deleted, so that they revoke.
	Issuers []RemoteIssuer `yaml:"issuers"`
	// TimeStamps are the authorities for the evidence of seals; without them there
	// is none.
	TimeStamps *TimeStampsConfig `yaml:"timestamps"`
}

// PodConfig says where vaults' ciphertext lives.
type PodConfig struct {
	// Kind is "local" (the default) or "solid".
	Kind string `yaml:"kind"`
	// URL is the base URL of the Solid server, with a slash at the end.
	URL string `yaml:"url"`
}

// RemoteIssuer is an issuer that the vault platform may tell of deletions.
type RemoteIssuer struct {
	URL     string `yaml:"url"`
	KeyFile string `yaml:"key_file"`
}

// VerifierConfig configures the verifier.
type VerifierConfig struct {
	ListenConfig `yaml:",inline"`
	// Receivers is a YAML file: the register of receiving organisations.
	Receivers string `yaml:"receivers"`
	// ResultGrace is how long after its first fetch a result is given again, in
	// case the answer got lost on its way: "30s" is the default, "0s" gives it
	// once.
	ResultGrace string `yaml:"result_grace"`
	resultGrace time.Duration
	// Accept says which types are accepted from whom.
	Accept []AcceptConfig `yaml:"accept"`
	// Policies are those that transactions may name beside the platform's, which
	// is Accept with every check.
	Policies []PolicyConfig `yaml:"policies"`
	// Relax names the ways in which policies may be laxer than the platform.
	Relax   []policy.Relaxation `yaml:"relax"`
	Clients []ClientConfig      `yaml:"clients"`
	// InsecureAnswersInClear lets receivers ask for unencrypted answers.
	InsecureAnswersInClear bool `yaml:"insecure_answers_in_clear"`
	// Identifiers give receivers another client identifier than x509_hash.
	Identifiers []IdentifierConfig `yaml:"identifiers"`
	// Webhooks tell receivers of the steps of their transactions.
	Webhooks []WebhookConfig `yaml:"webhooks"`
	// WebhookRetries is how long an undelivered webhook is tried: "24h" is the
	// default, 1m to 336h.
	WebhookRetries string `yaml:"webhook_retries"`
	webhookRetries time.Duration
	// Trust names lists and anchors beyond the local hierarchy.
	Trust TrustConfig `yaml:"trust"`
}

// IdentifierConfig is the client identifier of a receiver (OpenID4VP 1.0,
// Section 5.9.3).
type IdentifierConfig struct {
	Receiver string `yaml:"receiver"`
	// Prefix is x509_san_dns, with the host of verifier.url as its name,
	// decentralized_identifier or verifier_attestation.
	Prefix string `yaml:"prefix"`
	// KeyID is the DID URL of the verification method with the receiver's key, in
	// a document that is published elsewhere.
	KeyID string `yaml:"key_id"`
	// AttestationFile holds the verifier attestation, a JWT about the receiver's
	// key.
	AttestationFile string `yaml:"attestation_file"`
}

// AcceptConfig accepts a credential type from issuers: being a listed provider
// gives no authority over a type.
type AcceptConfig struct {
	// Type is a vct, a doctype, or the IRI of the type of a W3C credential.
	Type           string   `yaml:"type"`
	Issuers        []string `yaml:"issuers"`
	Registrations  []string `yaml:"registrations"`
	SealNeedConfig `yaml:",inline"`
	// MaxAge is how long ago a credential may have been issued, such as 8760h;
	// empty is any time.
	MaxAge string `yaml:"max_age"`
	maxAge time.Duration
	// WithoutExpiry accepts credentials that have no exp.
	WithoutExpiry bool `yaml:"without_expiry"`
}

// PolicyConfig is a policy document (docs/verifier.md): one of the two.
type PolicyConfig struct {
	// File is a JSON file.
	File string `yaml:"file"`
	// Document is the same JSON as a text in this file.
	Document string `yaml:"document"`
}

// WebhookConfig is the endpoint of one receiver.
type WebhookConfig struct {
	// Receiver is its id in the register.
	Receiver string `yaml:"receiver"`
	// URL is posted to.
	URL string `yaml:"url"`
	// SecretFiles hold a signing secret each, whsec_… or whsk_…: one, or the old
	// and the new while they are exchanged.
	SecretFiles []string `yaml:"secret_files"`
}

// TrustConfig is what a relying side trusts.
type TrustConfig struct {
	// PubEAAList is the URL of the list of PuB-EAA providers. Without it the
	// local hierarchy's own list is trusted.
	PubEAAList string `yaml:"pub_eaa_list"`
	// ListSigner is a PEM file with the certificate that signs the list.
	ListSigner string `yaml:"list_signer"`
	// TimestampAnchors is a PEM file with certificates of time-stamp authorities,
	// or of who issued theirs. Without them, and without trusted lists, no
	// time-stamp in evidence counts.
	TimestampAnchors string `yaml:"timestamp_anchors"`
	// Lists are the trusted lists of the Union.
	Lists *TrustedListsConfig `yaml:"lists"`
	// Revocation is how it is asked whether certificates were revoked.
	Revocation *RevocationConfig `yaml:"revocation"`
}

// builtinMapping names the mapping of LED diplomas that is built in.
const builtinMapping = "led-diploma"

// Profiles.
const (
	ProfileProduction  = "production"
	ProfileDevelopment = "development"
)
