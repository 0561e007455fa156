package verifier_test

import (
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// One presentation that was made for another request rejects the response,
// wherever it stands and however good the others are, though they alone would
// be enough (OpenID4VP 1.0, Section 14.2.2).
func TestOneReplayRejectsAll(t *testing.T) {
	const q = `{"credentials":[
	  {"id":"a","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]},
	  {"id":"b","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["title"]}]}],
	  "credential_sets":[{"options":[["a"],["b"]]}]}`
	title := []credential.Path{{"title"}}
	w := world.New(t)
	other := w.Fetch(start(t, w, order(q, verifier.CrossDevice)))
	for name, change := range map[string]func(*world.Binding){
		"nonce of another request": func(b *world.Binding) { b.Nonce = string(other.Nonce) },
		"audience of another":      func(b *world.Binding) { b.Audience = "x509_san_dns:other.example" },
		"made long ago":            func(b *world.Binding) { b.IssuedAt = b.IssuedAt.Add(-time.Hour) },
	} {
		for place, token := range map[string]func(a world.Asked) oid4vp.VPToken{
			"first of one query": func(a world.Asked) oid4vp.VPToken {
				return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title, change), a.Present(w.Issue(), title))}
			},
			"last of one query": func(a world.Asked) oid4vp.VPToken {
				return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title), a.Present(w.Issue(), title, change))}
			},
			"in the first query": func(a world.Asked) oid4vp.VPToken {
				return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title, change)), "b": oid4vp.Presentations(a.Present(w.Issue(), title))}
			},
			"in the last query": func(a world.Asked) oid4vp.VPToken {
				return oid4vp.VPToken{"a": oid4vp.Presentations(a.Present(w.Issue(), title)), "b": oid4vp.Presentations(a.Present(w.Issue(), title, change))}
			},
		} {
			t.Run(name+"/"+place, func(t *testing.T) {
				s := start(t, w, order(q, verifier.CrossDevice))
				a := w.Fetch(s)
				_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Encrypt(oid4vp.Response{VPToken: token(a), State: a.State}))
				refused(t, err, verifier.ErrNotVerified)
				r := result(t, w, s, "")
				if len(r.Presentations) != 2 {
					t.Errorf("%d presentations", len(r.Presentations))
				}
				if failed := r.Checks.Failures(); len(failed) != 1 || failed[0] != credential.CheckReplay {
					t.Errorf("failed %v", failed)
				}
				if r.Verified {
					t.Error("verified")
				}
				unverified(t, r)
			})
		}
	}
}
