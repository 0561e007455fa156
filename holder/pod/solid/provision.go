package solid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/jose"
)

// vaultContainer is the container of the envelopes, below a pod's root.
const vaultContainer = "vault/"

// access is what the driver keeps in pod.Location.Access.
type access struct {
	Root         string `json:"root"`
	WebID        string `json:"webId"`
	Email        string `json:"email"`
	Password     string `json:"password"`
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

func parseAccess(b pod.Access) (access, error) {
	var a access
	if err := jose.UnmarshalClosed(b, &a); err != nil {
		return access{}, errors.New("pod location: access is not that of a Solid server; use the location as Create returned it")
	}
	return a, checkWebID(a.WebID)
}

// Create makes an account, ties the WebID to it, makes a pod with a random
// name that the WebID owns, and makes it private before anything else is in
// it. A failure on the way is cleaned up as far as the server can: what stays
// is an account with an empty, locked pod or none.
func (h *Host) Create(ctx context.Context, webID string) (pod.Location, error) {
	if err := checkWebID(webID); err != nil {
		return pod.Location{}, err
	}
	// The address is nobody's: it cannot be written to (RFC 2606, Section 2).
	a := access{WebID: webID, Email: pod.NewName() + "@vault.invalid", Password: rand.Text() + rand.Text()}
	acc, err := h.newAccount(ctx, a.Email, a.Password)
	if err != nil {
		return pod.Location{}, fmt.Errorf("making a pod: %w", err)
	}
	if err := h.furnish(ctx, acc, &a); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return pod.Location{}, fmt.Errorf("making a pod: %w", errors.Join(err, acc.withdraw(ctx)))
	}
	b, err := jose.Marshal(a)
	if err != nil {
		return pod.Location{}, err
	}
	return pod.Location{URL: a.Root + vaultContainer, Access: b}, nil
}

func (h *Host) furnish(ctx context.Context, acc *account, a *access) (err error) {
	if err := acc.link(ctx, a.WebID); err != nil {
		return err
	}
	if a.Root, err = acc.newPod(ctx, pod.NewName(), a.WebID); err != nil {
		return err
	}
	if a.ClientID, a.ClientSecret, err = acc.newCredentials(ctx, a.WebID); err != nil {
		return err
	}
	c, err := h.client(a.ClientID, a.ClientSecret)
	if err != nil {
		return err
	}
	// The server's template makes the root, a README and a profile that names
	// the owner, all of them public. Nothing knows the address yet.
	if err := c.control(ctx, a.Root, ownerOnly(a.Root, a.WebID)); err != nil {
		return err
	}
	if err := c.empty(ctx, a.Root, 0); err != nil {
		return err
	}
	if err := h.private(ctx, a.Root); err != nil {
		return err
	}
	return c.makeContainer(ctx, a.Root+vaultContainer)
}

// private makes sure that the root is closed to those without a token.
func (h *Host) private(ctx context.Context, root string) error {
	a, err := h.send(ctx, exchange{method: http.MethodGet, url: root, limit: maxListing})
	if err != nil {
		return err
	}
	if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
		return fmt.Errorf("%w: the new pod is not private: a request without a token was answered with status %d; check that the server uses Web Access Control", pod.ErrUnavailable, a.status)
	}
	return nil
}

// erase removes what is in the pod, locks the root, which cannot be removed
// (Solid Protocol, Section 5.4), and withdraws credentials and link. It does
// not need the vault's own credentials, and the link is the last to go: while
// it is there, the work is not done. The WebID document must still name the
// server as solid:oidcIssuer.
func (h *Host) erase(ctx context.Context, a access) error {
	acc, err := h.signIn(ctx, a.Email, a.Password)
	if err != nil {
		return fmt.Errorf("deleting a pod: %w", err)
	}
	links, err := acc.links(ctx)
	if err != nil {
		return fmt.Errorf("deleting a pod: %w", err)
	}
	if _, linked := links[a.WebID]; linked {
		if err := h.clear(ctx, acc, a); err != nil {
			return fmt.Errorf("deleting a pod: %w", err)
		}
	}
	h.forget(a.ClientID)
	if err := acc.withdraw(ctx); err != nil {
		return fmt.Errorf("deleting a pod: %w", err)
	}
	return nil
}

func (h *Host) clear(ctx context.Context, acc *account, a access) error {
	id, secret, err := acc.newCredentials(ctx, a.WebID)
	if err != nil {
		return err
	}
	c, err := h.client(id, secret)
	if err != nil {
		return err
	}
	defer h.forget(id)
	// An earlier try may have locked the root already.
	if err := c.control(ctx, a.Root, ownerOnly(a.Root, a.WebID)); err != nil {
		return err
	}
	if err := c.empty(ctx, a.Root, 0); err != nil {
		return err
	}
	// Tokens already given out live on for minutes. Locked, they write nothing.
	return c.control(ctx, a.Root, nobody)
}
