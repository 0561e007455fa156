package report_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// Content time-stamps have a part of their own, in the JSON and for people, who are
// told that they make no seal older.
func TestContentTimeStamps(t *testing.T) {
	h, err := hierarchy()
	if err != nil {
		t.Fatal(err)
	}
	tsa, err := devtsa.New(devtsa.Options{Now: func() time.Time { return goldenTime }})
	if err != nil {
		t.Fatal(err)
	}
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {h.SealCA.Certificate}, trust.UseTimeStamp: {tsa.Root}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, SkipProviderList: true, InsecureAcceptUnknownRevocation: true}
	payload := []byte(`{"iss":"` + issuer + `"}`)
	sealed := func(critical bool, stamped string) string {
		sum := sha256.Sum256([]byte(stamped))
		token, err := tsa.Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: sum[:], Time: goldenTime.Add(-time.Hour), Accuracy: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		c := h.Seal.Certificate
		head := map[string]any{"alg": "ES256", "typ": "vc+jwt", "iat": goldenTime.Unix(), "x5t#S256": jose.X5TS256(c), "x5c": []string{base64.StdEncoding.EncodeToString(c.Raw)},
			"adoTst": map[string]any{"tstTokens": []any{map[string]any{"val": base64.StdEncoding.EncodeToString(token)}}}}
		if critical {
			head["crit"] = []string{"adoTst"}
		}
		compact, err := jose.SignCompact(h.Seal.Key, head, payload)
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	const judgedBy, younger, nothing = "Judged as of 2026-11-23 14:00:00 UTC, the time of this validation", "adoTst, 2026-11-23 13:00:00 UTC by CN=Time-stamp authority (TEST); the document existed then, and the seal is younger", "adoTst, not accepted: it proves nothing"
	for name, tc := range map[string]struct {
		text     string
		accepted bool
		outcome  credential.Outcome
		says     string
	}{
		"holds":                    {sealed(true, jose.Encode(payload)), true, credential.Passed, younger},
		"holds, not critical":      {sealed(false, jose.Encode(payload)), true, credential.Passed, younger},
		"of another":               {sealed(true, "another"), false, credential.Failed, nothing},
		"of another, not critical": {sealed(false, "another"), true, credential.Skipped, nothing},
	} {
		for _, text := range []string{tc.text, inJSON(t, tc.text)} {
			r, err := report.Judge(t.Context(), v, []byte(text), goldenTime)
			if err != nil {
				t.Fatal(err)
			}
			check(t, r)
			if r.Accepted != tc.accepted || outcome(r, seal.CheckContentStamp) != tc.outcome || len(r.TimeStamps) != 0 || r.Level != seal.BaselineB || r.Process != report.Basic {
				t.Errorf("%s: %s\n%s", name, verdict(r), r.Checks)
			}
			if s := r.ContentTimeStamps; len(s) != 1 || s[0].Kind != evidence.ContentTimeStamp || s[0].Accepted != (tc.outcome == credential.Passed) || s[0].Accepted != (len(s[0].Chain) == 2) || !s[0].Time.Equal(goldenTime.Add(-time.Hour)) {
				t.Errorf("%s: %+v", name, s)
			}
			if text := plain(t, r); !strings.Contains(text, "Content stamp "+tc.says) || !strings.Contains(text, judgedBy) || !strings.Contains(text, "Time-stamp of the content (seal_content_time_stamp)") {
				t.Errorf("%s:\n%s", name, text)
			}
			if r.Statement != nil && r.Statement.TimeBy != "judgement" {
				t.Errorf("%s: the statement is by %s", name, r.Statement.TimeBy)
			}
		}
	}
}
