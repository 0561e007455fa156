package unit

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Client is how the unit makes itself known to authorization servers.
type Client struct {
	// ID is the client_id of a wallet that is registered as a public client;
	// empty for one that nobody registered.
	ID string
}

// methodNone is a public client (RFC 7591, Section 2).
const methodNone = "none"

// usable finds out whether the server takes this client at all. A server that
// does not say what it takes is asked.
func (c Client) usable(m oid4vci.AuthorizationServerMetadata) error {
	methods := m.TokenEndpointAuthMethodsSupported
	if methods == nil || slices.Contains(methods, methodNone) || m.PreAuthorizedGrantAnonymousAccessSupported {
		return nil
	}
	return fmt.Errorf("%w: token_endpoint_auth_methods_supported of %s has no method of this wallet", ErrOffer, shown(m.Issuer, 200))
}

// client is the unit before one authorization server.
type client struct {
	Client
	server oid4vci.AuthorizationServerMetadata
}

// open readies the client for its first request.
func (c *client) open(context.Context, Issuance) error { return nil }

func (c *client) id() string { return c.ID }

func (c *client) authenticate(context.Context, Issuance, http.Header) error { return nil }

func (c *client) again(*Refusal, http.Header) bool { return false }
