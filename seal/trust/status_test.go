package trust_test

import (
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// keyIdentifier is the first of RFC 5280, Section 4.2.1.2, in base64.
func keyIdentifier(t testing.TB, c *x509.Certificate) string {
	t.Helper()
	key, err := c.PublicKey.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(key)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// What counts is the state of a service at the time that is asked about: what was
// sealed while it was notified stays, what was sealed while it was withdrawn does
// not. The list alone anchors the certificate here.
func TestStatusAtATime(t *testing.T) {
	h := newHierarchy(t)
	born := h.Seal.Certificate.NotBefore
	at := func(days int) time.Time { return now.AddDate(0, 0, days) }
	type state struct {
		status string
		since  time.Time
	}
	on, off := trust.StatusNotified, trust.StatusWithdrawn
	for name, tc := range map[string]struct {
		states []state // newest first
		asked  map[time.Time]error
	}{
		"notified": {[]state{{on, born}}, map[time.Time]error{now: nil, at(80): nil, at(90): trust.ErrListExpired}},
		"notified from tomorrow": {[]state{{on, at(1)}}, map[time.Time]error{
			now: trust.ErrNoPath, at(1): nil,
		}},
		"withdrawn after": {[]state{{off, at(20)}, {on, born}}, map[time.Time]error{
			now: nil, at(20).Add(-time.Second): nil, at(20): trust.ErrNoPath, at(30): trust.ErrNoPath,
		}},
		"withdrawn before": {[]state{{off, born}}, map[time.Time]error{now: trust.ErrNoPath}},
		"notified again": {[]state{{on, at(30)}, {off, at(20)}, {on, born}}, map[time.Time]error{
			at(10): nil, at(20): trust.ErrNoPath, at(29): trust.ErrNoPath, at(30): nil, at(40): nil,
		}},
		"withdrawn again": {[]state{{off, at(40)}, {on, at(30)}, {off, at(20)}, {on, born}}, map[time.Time]error{
			at(10): nil, at(25): trust.ErrNoPath, at(35): nil, at(45): trust.ErrNoPath,
		}},
	} {
		for _, keyed := range []bool{false, true} {
			d := document(t)
			v := &d.LoTE.Entities[0].Services[0]
			v.Information.Status, v.Information.StatusSince = tc.states[0].status, &trust.Instant{Time: tc.states[0].since}
			id := v.Information.Identity
			if keyed { // former states name the key only
				id = trust.Identity{KeyIdentifiers: []string{keyIdentifier(t, h.Seal.Certificate)}}
			}
			for _, s := range tc.states[1:] {
				v.History = append(v.History, trust.ServiceHistory{Name: v.Information.Name, Identity: id, Status: s.status, StatusSince: trust.Instant{Time: s.since}})
			}
			s := listStore(t)
			l := verifyAndInstall(t, s, forced(t, d, now), trust.PubEAAProviders, now)
			for range 2 { // the second time from the cache
				for asked, want := range tc.asked {
					p, err := s.Certificates(certs(pair{cert: h.Seal.Certificate}), trust.UseSeal, asked)
					if !errors.Is(err, want) {
						t.Errorf("%s, %s: %v, expected %v", name, asked, err, want)
						continue
					}
					standings, err := l.Standings(certs(pair{cert: h.Seal.Certificate}), asked)
					if err != nil || len(standings) != 1 || !standings[0].Direct {
						t.Fatalf("%s: %+v, %v", name, standings, err)
					}
					if s := standings[0]; (s.Err() == nil) != (want == nil || errors.Is(want, trust.ErrListExpired)) {
						t.Errorf("%s, %s: %+v", name, asked, s)
					}
					if want != nil {
						continue
					}
					if !p.Named(asked) {
						t.Errorf("%s, %s: the list does not name it", name, asked)
					}
					found, err := s.Provider(p, trust.Issuance, &qc.PublicBody{Country: "BE", Legislation: "OJ:BETEST-LED"}, asked)
					if err != nil || found.Status != on || found.Since.After(asked) || !found.Until.IsZero() && !asked.Before(found.Until) {
						t.Errorf("%s, %s: %+v, %v", name, asked, found, err)
					}
				}
			}
		}
	}
}

// A former state whose keys nobody knows refuses the list.
func TestStatusOfUnknownKey(t *testing.T) {
	for name, id := range map[string]trust.Identity{
		"another key": {KeyIdentifiers: []string{"AAAA"}}, "not base64": {KeyIdentifiers: []string{"*"}}, "empty": {KeyIdentifiers: []string{""}}, "nothing": {},
	} {
		d := document(t)
		v := &d.LoTE.Entities[0].Services[0]
		v.History = []trust.ServiceHistory{{Name: v.Information.Name, Identity: id, Status: trust.StatusWithdrawn, StatusSince: trust.Instant{Time: now.AddDate(-1, 0, 0)}}}
		if err := d.CheckPubEAA(now); !errors.Is(err, trust.ErrList) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Standings finds a certificate itself, an authority in its chain and one above
// it, and nothing for strangers and chains that are not linked.
func TestStandings(t *testing.T) {
	root := mint(t, long(authority("Access CA")), nil)
	between := mint(t, long(authority("Between")), &root)
	receiver := mint(t, long(leaf("Receiver")), &between)
	l, err := listStore(t).Verify(forced(t, accessDocument(root.cert), now), trust.AccessProviders, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		chain  []pair
		found  int
		direct bool
		bad    bool
	}{
		"itself":             {chain: []pair{root}, found: 1, direct: true},
		"issued by it":       {chain: []pair{between}, found: 1},
		"by way of another":  {chain: []pair{receiver, between}, found: 1},
		"whole chain":        {chain: []pair{receiver, between, root}, found: 1},
		"issuer not told":    {chain: []pair{receiver}},
		"a stranger":         {chain: []pair{mint(t, leaf("Stranger"), nil)}},
		"not linked":         {chain: []pair{receiver, root}, bad: true},
		"nothing":            {bad: true},
		"too many":           {chain: make([]pair, 6), bad: true},
		"name of the issuer": {chain: []pair{mint(t, leaf("Receiver"), new(mint(t, authority("Access CA"), nil)))}},
	} {
		got, err := l.Standings(certs(tc.chain...), now)
		if (err != nil) != tc.bad || len(got) != tc.found {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		if tc.found == 1 {
			s := got[0]
			if s.Direct != tc.direct || s.Err() != nil || s.Country != "BE" || s.Anchors != trust.UseAccessCertificate || s.Entity != "Access provider (TEST)" || !s.Certificate.Equal(root.cert) {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// An authority that renewed its certificate with the name and the key that it had
// stands at each time with the certificate that it was listed with then.
func TestStandingsOfARenewedAuthority(t *testing.T) {
	at := func(days int) time.Time { return now.AddDate(0, 0, days) }
	key := ecKey(t)
	former, renewed := mintFor(t, long(authority("Seal CA")), key, nil), mintFor(t, long(authority("Seal CA")), key, nil)
	sealed := mint(t, long(leaf("Seal")), &former)
	d := document(t)
	v := &d.LoTE.Entities[0].Services[0]
	v.Information.Identity, v.Information.Status, v.Information.StatusSince = identity(renewed.cert), trust.StatusNotified, &trust.Instant{Time: at(-10)}
	v.History = []trust.ServiceHistory{{Name: v.Information.Name, Identity: identity(former.cert), Status: trust.StatusNotified, StatusSince: trust.Instant{Time: at(-100)}}}
	l, err := listStore(t).Verify(forced(t, d, now), trust.PubEAAProviders, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		chain []pair
		at    time.Time
		named pair
		since int // days; 0: not listed at that time
	}{
		"now":                        {[]pair{sealed}, now, renewed, -10},
		"before the renewal":         {[]pair{sealed}, at(-50), former, -100},
		"before all":                 {[]pair{sealed}, at(-200), renewed, 0},
		"with the former, then":      {[]pair{sealed, former}, at(-50), former, -100},
		"the former itself, then":    {[]pair{former}, at(-50), former, -100},
		"the renewed one, before it": {[]pair{renewed}, at(-50), former, -100}, // of that name and key
	} {
		got, err := l.Standings(certs(c.chain...), c.at)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		s := got[0]
		if s.Listed != (c.since != 0) || !s.Certificate.Equal(c.named.cert) || s.Direct != c.named.cert.Equal(c.chain[0].cert) || s.Listed && !s.Since.Equal(at(c.since)) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
