package did

import (
	"errors"
	"fmt"
	"strings"
)

// ErrWebID is returned for a URL that is not a WebID of this kind.
var ErrWebID = errors.New("not a WebID of a vault")

// A vault's WebID is https://<host>/profiles/<uuid>, without a fragment, so
// that it is at once a WebID, a controlled identifier and the path form of a
// did:web. The map to did:web:<host>:profiles:<uuid> is computed, never looked
// up, and is a bijection: one spelling of each side, lower case, no default
// port, a version 4 UUID.
const profiles = "profiles"

// WebIDOf is the WebID of the vault with this UUID at base, the origin of the
// platform's identity host such as https://id.vault.example.
func WebIDOf(base, uuid string, options ...Option) (string, error) {
	webid := strings.TrimSuffix(base, "/") + "/" + profiles + "/" + uuid
	if _, _, _, err := parseWebID(webid, with(options)); err != nil {
		return "", err
	}
	return webid, nil
}

// DIDOf is the DID of a WebID.
func DIDOf(webid string, options ...Option) (string, error) {
	host, port, uuid, err := parseWebID(webid, with(options))
	if err != nil {
		return "", err
	}
	if port != "" {
		host += "%3A" + port
	}
	return "did:web:" + host + ":" + profiles + ":" + uuid, nil
}

// WebIDFromDID is the WebID of a DID; the inverse of DIDOf.
func WebIDFromDID(did string, options ...Option) (string, error) {
	host, port, path, err := parseWeb(did)
	if err != nil {
		return "", err
	}
	if len(path) != 2 || path[0] != profiles {
		return "", fmt.Errorf("%w: its DID must be did:web:<host>:profiles:<uuid>", ErrWebID)
	}
	s := with(options)
	if port != "" {
		host += ":" + port
	}
	name, _, _ := strings.Cut(host, ":")
	webid := s.scheme(name) + "://" + host + "/" + profiles + "/" + path[1]
	if _, _, _, err := parseWebID(webid, s); err != nil {
		return "", err
	}
	return webid, nil
}

// UUIDOf is the UUID of a WebID.
func UUIDOf(webid string, options ...Option) (string, error) {
	_, _, uuid, err := parseWebID(webid, with(options))
	return uuid, err
}

func parseWebID(webid string, s settings) (host, port, uuid string, err error) {
	if strings.ContainsAny(webid, "#?@%") {
		return "", "", "", fmt.Errorf("%w: it must have no fragment, query, user information or percent-encoding; a WebID with a fragment cannot be the id of a controlled identifier document (Controlled Identifiers 1.0, Section 2.1.1)", ErrWebID)
	}
	scheme, rest, _ := strings.Cut(webid, "://")
	authority, path, _ := strings.Cut(rest, "/")
	host, port, hasPort := strings.Cut(authority, ":")
	if err := checkHost(host); err != nil {
		return "", "", "", fmt.Errorf("%w: %w", ErrWebID, err)
	}
	if scheme != s.scheme(host) {
		return "", "", "", fmt.Errorf("%w: its scheme must be %s", ErrWebID, s.scheme(host))
	}
	if hasPort && (!validPort(port) || scheme == "https" && port == "443" || scheme == "http" && port == "80") {
		return "", "", "", fmt.Errorf("%w: its port must be 1 to 65535 and not the default one", ErrWebID)
	}
	folder, uuid, _ := strings.Cut(path, "/")
	if folder != profiles || !isUUIDv4(uuid) {
		return "", "", "", fmt.Errorf("%w: its path must be /profiles/ and a version 4 UUID in lower case (RFC 9562, Section 5.4)", ErrWebID)
	}
	return host, port, uuid, nil
}

// isUUIDv4 accepts the one lower-case spelling (RFC 9562, Sections 4 and 5.4).
func isUUIDv4(s string) bool {
	if len(s) != 36 || s[14] != '4' || strings.IndexByte("89ab", s[19]) < 0 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f'):
			return false
		}
	}
	return true
}
