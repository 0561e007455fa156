package unit_test

import (
	"net/http"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
)

// Two devices tend at the same time: while one waits for a time-stamp the other does
// all of it. What the other made stays, with its stamps; the first takes it for what
// there is, and nothing is left beside it.
func TestArchiveTwoDevices(t *testing.T) {
	for name, made := range map[string]bool{"both make it": false, "both stamp it again": true} {
		t.Run(name, func(t *testing.T) {
			x := newArchived(t)
			first := x.authorityUntil(t, at.AddDate(1, 0, 0))
			x.stamps = relay(first)
			items := []unit.Item{x.hold(t, x.vault, 2), x.hold(t, x.vault, 2)}
			authority, want, archive := first, unit.DoneMade, x.archive(t, first)
			if made {
				if _, err := archive.Tend(t.Context(), x.vault); err != nil {
					t.Fatal(err)
				}
				x.clock = at.AddDate(0, 10, 0)
				authority, want = x.authorityUntil(t, at.AddDate(20, 0, 0)), unit.DoneRenewed
				archive = x.archive(t, first, authority)
			}
			var other []unit.Tended
			x.stamps = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				x.stamps = relay(authority)
				device := &unit.Vault{Info: x.vault.Info, Keys: x.vault.Keys, Platform: x.vault.Platform, Random: x.vault.Random}
				var err error
				if other, err = archive.Tend(t.Context(), device); err != nil {
					t.Error(err)
				}
				relay(authority).ServeHTTP(w, r)
			})
			all, err := archive.Tend(t.Context(), x.vault)
			if err != nil || len(all) != 2 || len(other) != 2 {
				t.Fatalf("%+v, %+v, %v", all, other, err)
			}
			for i := range all {
				if all[i].Err != nil || other[i].Err != nil || other[i].Done != want || all[i].Done != unit.DoneKept || all[i].Evidence != other[i].Evidence || all[i].Level != seal.BaselineLTA || !all[i].StampBefore.Equal(other[i].StampBefore) {
					t.Errorf("%+v, and the other device %+v", all[i], other[i])
				}
				b, _, err := x.vault.Evidence(t.Context(), items[i].Name)
				if err != nil {
					t.Fatal(err)
				}
				stamps := 0
				for _, e := range must(evidence.Parse(b))(t).Elements() {
					if e.Token != nil {
						stamps++
					}
				}
				if expected := map[bool]int{false: 2, true: 3}[made]; stamps != expected {
					t.Errorf("%d time-stamps, expected %d", stamps, expected)
				}
				if v := x.judged(t, archive.Seals, items[i].Name); v.Err() != nil || v.Level != seal.BaselineLTA {
					t.Errorf("%s %s", v.Indication, v.Level)
				}
			}
			if names := x.pod.names(); len(names) != 5 {
				t.Errorf("the pod holds %v, expected the index, two credentials and their evidence", names)
			}
		})
	}
}
