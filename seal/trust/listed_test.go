package trust_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

func always(certs ...*x509.Certificate) []trust.Listed {
	var out []trust.Listed
	for _, c := range certs {
		out = append(out, trust.Listed{Certificate: c, Granted: []trust.Period{{From: now.AddDate(-1, 0, 0)}}})
	}
	return out
}

func installListed(t testing.TB, s *trust.Store, use trust.Use, listed ...trust.Listed) int {
	t.Helper()
	n, err := s.InstallListed(map[trust.Use][]trust.Listed{use: listed})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// long makes a template valid for years.
func long(c *x509.Certificate) *x509.Certificate {
	c.NotBefore, c.NotAfter = now.AddDate(-5, 0, 0), now.AddDate(5, 0, 0)
	return c
}

// A listed service anchors what is proven to be of a time at which it was
// granted, whatever was asked and remembered before.
func TestListedTimes(t *testing.T) {
	ca := mint(t, long(authority("Listed")), nil)
	seal := mint(t, long(leaf("Seal")), &ca)
	s := storeOf(t, trust.UseSeal)
	granted := []trust.Period{{From: now.AddDate(0, -1, 0)}, {From: now.AddDate(-3, 0, 0), Until: now.AddDate(-1, 0, 0)}}
	installListed(t, s, trust.UseSeal, trust.Listed{Certificate: ca.cert, Granted: granted})
	for range 2 { // the second time from the cache
		for name, c := range map[string]struct {
			at   time.Time
			want error
		}{
			"before it was granted": {now.AddDate(-4, 0, 0), trust.ErrNoPath},
			"the first day":         {now.AddDate(-3, 0, 0), nil},
			"granted":               {now.AddDate(-2, 0, 0), nil},
			"the day it ended":      {now.AddDate(-1, 0, 0), trust.ErrNoPath},
			"withdrawn":             {now.AddDate(0, -6, 0), trust.ErrNoPath},
			"granted again":         {now, nil},
			"expired":               {now.AddDate(6, 0, 0), trust.ErrValidity},
		} {
			p, err := s.Certificates(certs(seal), trust.UseSeal, c.at)
			if !errors.Is(err, c.want) || (p == nil) != (c.want != nil) {
				t.Errorf("%s: %v, expected %v", name, err, c.want)
			}
			if p != nil && !p.Listed() {
				t.Errorf("%s: the path is not that of a listed service", name)
			}
		}
	}
	if _, err := s.Certificates(certs(seal), trust.UseStatus, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("it anchors another use: %v", err)
	}
	// What is no longer listed anchors nothing, also what was verified before.
	installListed(t, s, trust.UseSeal)
	if _, err := s.Certificates(certs(seal), trust.UseSeal, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("after it was taken out: %v", err)
	}
}

// Two services with one key and name: the one that was granted counts.
func TestListedTwice(t *testing.T) {
	ca := mint(t, long(authority("Listed")), nil)
	renewed := mintFor(t, long(authority("Listed")), ca.key, nil)
	seal := mint(t, long(leaf("Seal")), &ca)
	s := storeOf(t, trust.UseSeal)
	installListed(t, s, trust.UseSeal,
		trust.Listed{Certificate: ca.cert, Granted: []trust.Period{{From: now.AddDate(-3, 0, 0), Until: now.AddDate(-1, 0, 0)}}},
		trust.Listed{Certificate: renewed.cert, Granted: []trust.Period{{From: now.AddDate(-1, 0, 0)}}})
	for _, at := range []time.Time{now.AddDate(-2, 0, 0), now, now.AddDate(-2, 0, 0)} {
		if _, err := s.Certificates(certs(seal), trust.UseSeal, at); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// What cannot be an anchor is counted, and the others are used.
func TestListedUnusable(t *testing.T) {
	ca := mint(t, authority("Listed"), nil)
	weak := mintFor(t, authority("Weak"), smallRSA(t), nil)
	noUsage := authority("No usage")
	noUsage.KeyUsage = x509.KeyUsageCRLSign
	unusable := certs(weak, mint(t, noUsage, nil), mint(t, leaf("End entity"), &ca))
	s := storeOf(t, trust.UseSeal)
	listed := append(always(unusable...), trust.Listed{Certificate: mint(t, authority("Never granted"), nil).cert})
	if n := installListed(t, s, trust.UseSeal, append(listed, always(ca.cert)...)...); n != 4 {
		t.Errorf("%d unusable, expected 4", n)
	}
	if n := installListed(t, s, trust.UseSeal, append(listed, always(ca.cert)...)...); n != 4 {
		t.Errorf("%d unusable the second time, expected 4", n)
	}
	if _, err := s.Certificates(certs(mint(t, leaf("Seal"), &ca)), trust.UseSeal, now); err != nil {
		t.Error(err)
	}
	if _, err := s.Certificates(unusable[2:], trust.UseSeal, now); err != nil {
		t.Errorf("listed by its authority: %v", err)
	}
}

// An end entity that is listed, such as a time-stamping unit, is trusted as it is
// at the times at which it was granted.
func TestListedEndEntity(t *testing.T) {
	hidden := mint(t, long(authority("Not listed")), nil)
	unit := mint(t, long(leaf("Unit")), &hidden)
	s := storeOf(t, trust.UseStatus)
	installListed(t, s, trust.UseStatus, trust.Listed{Certificate: unit.cert, Granted: []trust.Period{{From: now.AddDate(-2, 0, 0), Until: now.AddDate(-1, 0, 0)}}})
	if p, err := s.Certificates(certs(unit), trust.UseStatus, now.AddDate(-2, 0, 1)); err != nil || !p.Listed() || len(p.Certificates) != 1 {
		t.Errorf("granted: %v", err)
	}
	if _, err := s.Certificates(certs(unit), trust.UseStatus, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("withdrawn: %v", err)
	}
}

// Being listed takes nothing away: chains that held under configured anchors
// hold, also at times at which the service was not granted, and may show an
// authority that is an anchor only because it is listed.
func TestListedBesideConfigured(t *testing.T) {
	root := mint(t, authority("Root"), nil)
	between := mint(t, authority("Between"), &root)
	seal := mint(t, leaf("Seal"), &between)
	chain := certs(seal, between)
	past := []trust.Period{{From: now.AddDate(-3, 0, 0), Until: now.AddDate(-2, 0, 0)}}
	s := storeOf(t, trust.UseSeal, root.cert)
	installListed(t, s, trust.UseSeal, trust.Listed{Certificate: between.cert, Granted: past}, trust.Listed{Certificate: root.cert, Granted: past})
	if p, err := s.Certificates(chain, trust.UseSeal, now); err != nil || p.Listed() || !p.Anchor().Equal(root.cert) {
		t.Errorf("under a configured anchor: %v", err)
	}
	s = storeOf(t, trust.UseSeal)
	installListed(t, s, trust.UseSeal, always(between.cert)...)
	if p, err := s.Certificates(chain, trust.UseSeal, now); err != nil || !p.Anchor().Equal(between.cert) || len(p.Certificates) != 2 {
		t.Errorf("the listed authority stands in the chain: %v", err)
	}
	if _, err := s.Certificates(certs(seal, between, root), trust.UseSeal, now); !errors.Is(err, trust.ErrAnchorIncluded) {
		t.Errorf("a root in the chain: %v", err)
	}
}
