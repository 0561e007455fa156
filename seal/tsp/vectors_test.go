package tsp_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// stamps are the tokens in the elements of a seal, with the signature value
// that the first one stamps.
func stamps(t testing.TB, file string) (signature string, tokens [][]byte) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Signature  string
		Header     struct{ EtsiU []any }
		Signatures []struct {
			Signature string
			Header    struct{ EtsiU []any }
		}
	}
	if json.Unmarshal(b, &doc) != nil {
		return "", nil
	}
	elements := doc.Header.EtsiU
	for _, s := range doc.Signatures {
		doc.Signature, elements = s.Signature, append(elements, s.Header.EtsiU...)
	}
	for _, e := range elements {
		text, _ := e.(string)
		raw, err := jose.Decode(text)
		if err != nil {
			continue
		}
		var member map[string]struct {
			TstTokens []struct{ Val string }
		}
		if json.Unmarshal(raw, &member) != nil {
			continue
		}
		for _, kind := range []string{"sigTst", "rfsTst", "sigRTst", "arcTst"} {
			for _, c := range member[kind].TstTokens {
				der, err := base64.StdEncoding.DecodeString(c.Val)
				if err == nil {
					tokens = append(tokens, der)
				}
			}
		}
	}
	return doc.Signature, tokens
}

// Tokens of sigstore's authority, in the golden seals, stamp their signature
// value and verify to the root beside them.
func TestGolden(t *testing.T) {
	dir := testvectors.Dir(t, "jades-golden")
	roots, err := trust.ParsePEM(testvectors.File(t, "jades-golden", "tsaca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := trust.NewStore(trust.Anchors{trust.UseTimeStamp: roots}, 0)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			signature, tokens := stamps(t, file)
			if len(tokens) == 0 {
				t.Fatal("no token found")
			}
			for i, der := range tokens {
				token, err := tsp.Parse(der)
				if err != nil {
					t.Fatal(err)
				}
				v := tsp.Verification{Hash: token.Hash, Imprint: token.Imprint, Trust: store}
				if i == 0 {
					v.Imprint = digest(crypto.SHA256, signature)
				}
				path, err := token.Verify(v)
				if err != nil {
					t.Fatal(err)
				}
				if token.Policy.String() != "1.3.6.1.4.1.57264.2" || token.Accuracy == 0 || !path.Anchor().Equal(roots[0]) {
					t.Errorf("%s, accuracy %s, anchor %s", token, token.Accuracy, path.Anchor().Subject)
				}
			}
		})
	}
}

// Tokens in the samples of DSS come from other authorities. Their signer is
// identified and their signature holds; whom they trust is unknown here.
func TestSamples(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testvectors.Dir(t, "jades"), "*", "*.json"))
	seen := 0
	for _, file := range files {
		_, tokens := stamps(t, file)
		for i, der := range tokens {
			seen++
			token, err := tsp.Parse(der)
			if err == nil {
				_, err = token.Signer()
			}
			if err != nil {
				t.Errorf("%s, token %d: %v", filepath.Base(file), i, err)
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d tokens", seen)
	}
}

func digest(h crypto.Hash, message string) []byte {
	d := h.New()
	d.Write([]byte(message))
	return d.Sum(nil)
}
