package openid4vc_test

import (
	"testing"
)

// Our wallet unit receives from an issuer of others.
func TestOurWalletReceives(t *testing.T) {
	s := meet(t)
	for name, order := range map[string]map[string]any{
		"by reference":                {},
		"by value, with a code":       {"byValue": true, "txCode": "493536"},
		"a dataset by its identifier": {"identifiers": true},
		"encrypted":                   {"encryption": "required"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.seen(t)
			item, err := s.receive(t, 3, order)
			if err != nil {
				t.Fatal(err)
			}
			if item.Title != "Master" || item.Issuer != s.base || item.Type != s.base+"/types/diploma" {
				t.Errorf("%s of %s", item.Title, item.Issuer)
			}
			after := s.seen(t)
			if n := len(after.Notifications); n != len(before.Notifications)+1 || after.Notifications[n-1] != "credential_accepted" {
				t.Errorf("notified: %v", after.Notifications)
			}
			if want := before.Encrypted + 1; order["encryption"] != nil && after.Encrypted != want {
				t.Errorf("%d encrypted requests, expected %d", after.Encrypted, want)
			}
		})
	}
}
