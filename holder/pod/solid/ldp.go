package solid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/jose"
)

// maxDepth is how deeply containers of a pod may be nested. Ours are not; what
// others nest deeper is refused rather than followed.
const maxDepth = 16

// nobody is an access control document that lets nobody in (Web Access
// Control, Section 4.1: without an authorization there is no access).
const nobody = "# No authorizations: this pod was deleted.\n"

// ownerOnly is the access control of a private pod. It is inherited by all
// that has no document of its own.
func ownerOnly(root, webID string) string {
	return fmt.Sprintf(`@prefix acl: <http://www.w3.org/ns/auth/acl#>.
<#owner> a acl:Authorization;
  acl:agent <%s>;
  acl:accessTo <%s>;
  acl:default <%s>;
  acl:mode acl:Read, acl:Write, acl:Control.
`, webID, root, root)
}

// control writes the access control document of a container, at the address
// that the server names (Web Access Control, Section 3.1).
func (c *client) control(ctx context.Context, target, document string) error {
	a, err := c.do(ctx, exchange{method: http.MethodHead, url: target})
	if err != nil {
		return err
	}
	// A locked container has a document, and says where, all the same.
	address, ok := linked(a.header, target, "acl")
	if !ok {
		if !a.ok() {
			return a.failure("looking for the access control document")
		}
		return fmt.Errorf("%w: the server names no access control document (Web Access Control, Section 3.1)", pod.ErrUnavailable)
	}
	a, err = c.do(ctx, exchange{method: http.MethodPut, url: address, header: http.Header{"Content-Type": {"text/turtle"}}, body: []byte(document)})
	if err != nil {
		return err
	}
	if !a.ok() {
		return a.failure("writing the access control document")
	}
	return nil
}

// makeContainer makes a container (Solid Protocol, Section 5.3).
func (c *client) makeContainer(ctx context.Context, address string) error {
	a, err := c.do(ctx, exchange{method: http.MethodPut, url: address, body: []byte{}, header: http.Header{
		"Content-Type":  {"text/turtle"},
		"If-None-Match": {"*"},
		"Link":          {`<http://www.w3.org/ns/ldp#BasicContainer>; rel="type"`},
	}})
	if err != nil {
		return err
	}
	if !a.ok() {
		return a.failure("making the container")
	}
	return nil
}

// empty deletes what is in a container, the deepest first: one that is not
// empty cannot be deleted (Solid Protocol, Section 5.4). What disappears on
// the way is no error.
func (c *client) empty(ctx context.Context, address string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: containers are nested deeper than %d; remove them by hand", pod.ErrUnavailable, maxDepth)
	}
	members, err := c.members(ctx, address)
	if err != nil {
		return err
	}
	for _, m := range members {
		if strings.HasSuffix(m, "/") {
			if err := c.empty(ctx, m, depth+1); err != nil && !errors.Is(err, pod.ErrNotFound) {
				return err
			}
		}
		if err := c.remove(ctx, m); err != nil && !errors.Is(err, pod.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (c *client) remove(ctx context.Context, address string) error {
	a, err := c.do(ctx, exchange{method: http.MethodDelete, url: address})
	if err != nil {
		return err
	}
	if !a.ok() {
		return a.failure("deleting")
	}
	return nil
}

// members lists a container.
func (c *client) members(ctx context.Context, address string) ([]string, error) {
	a, err := c.do(ctx, exchange{
		method: http.MethodGet,
		url:    address,
		header: http.Header{"Accept": {`application/ld+json;profile="http://www.w3.org/ns/json-ld#expanded"`}},
		limit:  maxListing,
	})
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, a.failure("listing")
	}
	return contained(a.body, address)
}

// node is a JSON-LD node object in expanded form (JSON-LD 1.1, Section 9.1).
type node struct {
	ID       string `json:"@id"`
	Contains []struct {
		ID string `json:"@id"`
	} `json:"http://www.w3.org/ns/ldp#contains"`
}

// contained reads the members of a container from its description in expanded
// JSON-LD, which each Solid server can give (Solid Protocol, Sections 4.2 and
// 5.2). An address that is no direct member is refused: what is listed here is
// what DeleteAll deletes.
func contained(body []byte, container string) ([]string, error) {
	var nodes []node
	if err := jose.Unmarshal(body, &nodes); err != nil {
		return nil, fmt.Errorf("%w: listing: expected expanded JSON-LD: %w", pod.ErrUnavailable, err)
	}
	base, err := url.Parse(container)
	if err != nil {
		return nil, fmt.Errorf("%w: listing: the container has no address", pod.ErrUnavailable)
	}
	var out []string
	for _, n := range nodes {
		if n.ID != container {
			continue
		}
		for _, m := range n.Contains {
			name := strings.TrimSuffix(strings.TrimPrefix(m.ID, container), "/")
			if !within(base, m.ID) || name == "" || strings.Contains(name, "/") {
				return nil, fmt.Errorf("%w: listing: a member is not in the container", pod.ErrUnavailable)
			}
			out = append(out, m.ID)
		}
	}
	return out, nil
}

// linked finds the target of a Link header by its relation (RFC 8288, Section
// 3), resolved against the address of the response. Only what this driver
// needs of the syntax is read.
func linked(h http.Header, base, rel string) (string, bool) {
	from, err := url.Parse(base)
	if err != nil {
		return "", false
	}
	for _, line := range h.Values("Link") {
		for part := range strings.SplitSeq(line, ",") {
			target, params, ok := strings.Cut(strings.TrimSpace(part), ">")
			if !ok || !strings.HasPrefix(target, "<") {
				continue
			}
			for p := range strings.SplitSeq(params, ";") {
				key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(key, "rel") && strings.Trim(value, `"`) == rel {
					if u, err := from.Parse(target[1:]); err == nil {
						return u.String(), true
					}
				}
			}
		}
	}
	return "", false
}
