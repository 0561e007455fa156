package rest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// Client is an organisation that calls an API of ours.
type Client struct {
	// ID is its name in logs, such as its OVO or KBO number.
	ID string `json:"id" yaml:"id"`
	// Keys are SHA-256 digests of its API keys, in hex; two while one is being
	// replaced.
	Keys []string `json:"keys,omitempty" yaml:"keys"`
	// Certificates are SHA-256 digests of its client certificates (DER), in
	// hex.
	Certificates []string `json:"certificates,omitempty" yaml:"certificates"`
	// Permissions are what it may do.
	Permissions []string `json:"permissions" yaml:"permissions"`
}

// May says whether the client has a permission.
func (c Client) May(permission string) bool { return slices.Contains(c.Permissions, permission) }

// Authenticator finds out who calls. ErrUnauthenticated if nobody it knows.
type Authenticator interface {
	Authenticate(*http.Request) (Client, error)
}

// ErrUnauthenticated is returned when a request names no client that is known.
var ErrUnauthenticated = errors.New("rest: client is not known")

const keyPrefix = "zk_"

// NewKey draws an API key and gives the digest that stands in the
// configuration. The key itself is shown once and kept nowhere.
func NewKey() (key, digest string) {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	key = keyPrefix + jose.Encode(b[:])
	return key, KeyDigest(key)
}

// KeyDigest is the SHA-256 of a key, in hex. A plain digest is enough because
// keys are 256 random bits.
func KeyDigest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Clients is a fixed list of clients.
type Clients struct {
	keys, certs []credential
}

type credential struct {
	digest [sha256.Size]byte
	client Client
}

// NewClients checks the list and tells all faults at once.
func NewClients(list ...Client) (*Clients, error) {
	var errs []error
	c := &Clients{}
	ids, seen := map[string]bool{}, map[[sha256.Size]byte]string{}
	for _, client := range list {
		if client.ID == "" || ids[client.ID] {
			errs = append(errs, fmt.Errorf("rest: client id %q must be set and stand there once", client.ID))
		}
		ids[client.ID] = true
		if len(client.Keys)+len(client.Certificates) == 0 {
			errs = append(errs, fmt.Errorf("rest: client %q has neither key nor certificate", client.ID))
		}
		for _, kind := range []struct {
			name    string
			digests []string
			into    *[]credential
		}{{"key", client.Keys, &c.keys}, {"certificate", client.Certificates, &c.certs}} {
			for i, text := range kind.digests {
				raw, err := hex.DecodeString(text)
				if err != nil || len(raw) != sha256.Size {
					errs = append(errs, fmt.Errorf("rest: client %q: %s %d must be a SHA-256 in hex", client.ID, kind.name, i+1))
					continue
				}
				cr := credential{digest: [sha256.Size]byte(raw), client: client}
				if other, ok := seen[cr.digest]; ok {
					errs = append(errs, fmt.Errorf("rest: clients %q and %q share a %s", other, client.ID, kind.name))
				}
				seen[cr.digest] = client.ID
				*kind.into = append(*kind.into, cr)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// Authenticate takes an API key as a bearer token (RFC 6750, Section 2.1), or
// the certificate of the connection, whose chain and validity the TLS
// configuration has judged. A key that is not known is refused even beside a
// certificate that is.
func (c *Clients) Authenticate(r *http.Request) (Client, error) {
	scheme, key, ok, err := authorization(r)
	if err != nil {
		return Client{}, err
	}
	if ok {
		if !strings.EqualFold(scheme, "Bearer") {
			return Client{}, ErrUnauthenticated
		}
		return find(c.keys, sha256.Sum256([]byte(key)))
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return find(c.certs, sha256.Sum256(r.TLS.PeerCertificates[0].Raw))
	}
	return Client{}, ErrUnauthenticated
}

// find compares with every digest, in constant time.
func find(list []credential, digest [sha256.Size]byte) (Client, error) {
	found := -1
	for i := range list {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(list[i].digest[:], digest[:]), i, found)
	}
	if found < 0 {
		return Client{}, ErrUnauthenticated
	}
	return list[found].client, nil
}

// admit authenticates, bounds the rate and checks the permission.
func (e *Engine) admit(r *Request) error {
	limit := r.route.Limit
	if limit == nil {
		limit = e.o.Limiter
	}
	if r.route.Permission == "" {
		return limit.check("addr " + network(r.Remote()))
	}
	client, err := e.o.Clients.Authenticate(r.HTTP)
	if err != nil {
		if err := limit.check("addr " + network(r.Remote())); err != nil {
			return err // so that keys cannot be guessed at any rate
		}
		if errors.Is(err, ErrUnauthenticated) {
			return unauthenticated(r.HTTP)
		}
		return err
	}
	r.Client = client
	if err := limit.check("client " + client.ID); err != nil {
		return err
	}
	if !client.May(r.route.Permission) {
		return &Problem{
			Status: http.StatusForbidden, Title: "Permission is missing", Expected: r.route.Permission, Detail: "This client may not do this.",
			Remedy: "Ask the operator to give the client the permission.", Spec: "RFC 6750, Section 3.1",
			Header: http.Header{"Www-Authenticate": {`Bearer realm="zegel", error="insufficient_scope"`}},
		}
	}
	return nil
}

// unauthenticated is 401 with a challenge (RFC 6750, Section 3). The error
// code stands there only if a key was sent.
func unauthenticated(r *http.Request) *Problem {
	challenge := `Bearer realm="zegel"`
	if r.Header.Get("Authorization") != "" {
		challenge += `, error="invalid_token"`
	}
	return &Problem{
		Status: http.StatusUnauthorized, Title: "Authentication is required", Expected: "an API key as bearer token, or a client certificate", Spec: "RFC 6750, Section 3",
		Header: http.Header{"Www-Authenticate": {challenge}}, Cause: ErrUnauthenticated,
	}
}
