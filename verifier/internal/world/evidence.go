package world

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// stampsCRL is the revocation list of who issued the time-stamp authority's
// certificate.
func (w *World) stampsCRL() []byte {
	w.T.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(w.Now().Unix()), ThisUpdate: w.Now().Add(-time.Second), NextUpdate: w.Now().AddDate(0, 1, 0),
	}, w.Stamps.Root, w.Stamps.RootKey)
	w.must(err)
	return der
}

// Evidence lifts a sealed token to a level, with time-stamps of an authority.
func (w *World) Evidence(sealed string, level seal.Level, by *devtsa.Authority) *evidence.File {
	w.T.Helper()
	f, err := evidence.Lift(sealed)
	w.must(err)
	stamp := func(kind evidence.Kind) {
		imprint, err := f.Imprint(kind, crypto.SHA256)
		w.must(err)
		token, err := by.Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: w.Now()})
		w.must(err)
		w.must(f.AddTimeStamp(kind, token))
	}
	if level.Includes(seal.BaselineT) {
		stamp(evidence.SignatureTimeStamp)
	}
	if level.Includes(seal.BaselineLT) {
		w.must(f.AddValues(evidence.Values{
			Certificates: []*x509.Certificate{w.Hierarchy.SealCA.Certificate, by.Root},
			CRLs:         [][]byte{w.Hierarchy.SealCRL, w.stampsCRL()},
		}))
	}
	if level.Includes(seal.BaselineLTA) {
		stamp(evidence.ArchiveTimeStamp)
	}
	return f
}
