package mdoc_test

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func isomdl(t testing.TB, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimSpace(string(testvectors.File(t, "mdoc/isomdl/test/definitions", name))))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const mdlNamespace = "org.iso.18013.5.1"

// utopia trusts whoever the document says has signed it, as a test must that
// has the document but not its authority.
func utopia(t testing.TB) mdoc.Policy {
	return mdoc.Policy{
		Now: time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC), DocTypes: []string{"org.iso.18013.5.1.mDL"},
		IssuerKey: func(auth *cose.Sign1, u mdoc.Unverified) (crypto.PublicKey, error) {
			chain, err := auth.Certificates()
			if err != nil {
				return nil, err
			}
			if err := mdoc.CheckDocumentSigner(chain[0]); err != nil {
				t.Errorf("the signer's certificate: %v", err)
			}
			return chain[0].PublicKey, nil
		},
	}
}

// A driving licence that another implementation keeps as its example: its
// digests, its signature and its values.
func TestIsomdlIssuerSigned(t *testing.T) {
	in := isomdl(t, "issuer_signed.cbor")
	s, err := mdoc.ParseCBOR(in)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.VerifyIssued(utopia(t))
	if err != nil {
		t.Fatal(err)
	}
	if v.Claims.Len() != 6 || v.DocType != "org.iso.18013.5.1.mDL" || v.Status != nil {
		t.Errorf("%d elements, %s", v.Claims.Len(), v.DocType)
	}
	for element, want := range map[string]string{
		"family_name": `"Doe"`, "issue_date": `"2019-10-20"`, "expiry_date": `"2024-10-20"`, "document_number": `"123456789"`,
		"driving_privileges": `[{"vehicle_category_code":"A","issue_date":"2018-08-09","expiry_date":"2024-10-20"},` +
			`{"vehicle_category_code":"B","issue_date":"2017-02-23","expiry_date":"2024-10-20"}]`,
	} {
		got := v.Claims.Select(mdoc.Path{mdlNamespace, element})
		if len(got) != 1 || string(got[0]) != want {
			t.Errorf("%s is %s, want %s", element, got, want)
		}
	}
	if got := v.Claims.Select(mdoc.Path{mdlNamespace, "portrait"}); len(got) != 1 || !strings.HasPrefix(string(got[0]), `"_9j_4AAQSkZJRg`) {
		t.Error("the portrait is not base64url")
	}
	// Every byte that is signed or digested counts.
	trusting := utopia(t)
	trusting.IssuerKey = func(*cose.Sign1, mdoc.Unverified) (crypto.PublicKey, error) { return v.IssuerKey, nil }
	chain := bytes.Index(in, v.IssuerAuth.X5Chain[0])
	for i := range in {
		if i%5 != 0 || i >= chain-5 && i < chain+len(v.IssuerAuth.X5Chain[0]) {
			continue // the chain is not signed, IssuerKey decides on it
		}
		b := bytes.Clone(in)
		b[i] ^= 0x01
		s, err := mdoc.ParseCBOR(b)
		if err != nil {
			continue
		}
		if v, err := s.VerifyIssued(trusting); err == nil && v.Claims.Len() > 0 {
			t.Errorf("a change of byte %d is accepted", i)
		}
	}
}

// What is kept without its elements is still a document; one whose issuer
// names no certificate, with a signature over another payload, is none.
func TestIsomdlOthers(t *testing.T) {
	if s, err := mdoc.ParseCBOR(isomdl(t, "issuer_signed_dehydrated.cbor")); err == nil {
		if _, err := s.VerifyIssued(utopia(t)); err == nil {
			t.Error("items without values pass their digests")
		}
	}
	_, err := mdoc.Verify(jose.Encode(isomdl(t, "device_response.cbor")), mdoc.Policy{
		Now: now, DocTypes: []string{"aaa"}, Transcript: transcript(t), IssuerKey: func(*cose.Sign1, mdoc.Unverified) (crypto.PublicKey, error) { return nil, nil },
	})
	var failed *mdoc.Error
	if !errors.As(err, &failed) || failed.Check != credential.CheckStructure {
		t.Errorf("a DeviceResponse without a mobile security object: %v", err)
	}
	r := cbor.NewReader(isomdl(t, "session/session_transcript.cbor"))
	r.Expect(24)
	in := r.Bytes()
	tr, err := mdoc.ParseTranscript(in)
	if err != nil || !bytes.Equal(tr.Bytes(), in) || r.End() != nil {
		t.Errorf("SessionTranscript: %v", err)
	}
	for name, in := range map[string][]byte{"tagged": isomdl(t, "session/session_transcript.cbor"), "two members": {0x82, 0xf6, 0xf6}, "empty": {}} {
		if _, err := mdoc.ParseTranscript(in); err == nil {
			t.Errorf("SessionTranscript %s is accepted", name)
		}
	}
}

// handover is a known answer of a session transcript.
type handover struct {
	Inputs struct {
		ClientID    string `json:"client_id"`
		ResponseURI string `json:"response_uri"`
		Origin      string `json:"origin"`
		Endpoint    string `json:"iae"`
		Nonce       string `json:"nonce"`
	} `json:"inputs"`
	Key        jose.JWK `json:"encryption_jwk"`
	Transcript string   `json:"session_transcript_cbor_hex"`
}

func TestTranscriptVectors(t *testing.T) {
	for file, build := range map[string]func(h handover, key crypto.PublicKey) (mdoc.Transcript, error){
		"openid4vp/1.0/kat/mdoc-session-transcript-redirect.json": func(h handover, key crypto.PublicKey) (mdoc.Transcript, error) {
			return mdoc.RedirectTranscript(h.Inputs.ClientID, h.Inputs.Nonce, h.Inputs.ResponseURI, key)
		},
		"openid4vp/1.0/kat/mdoc-session-transcript-dcapi.json": func(h handover, key crypto.PublicKey) (mdoc.Transcript, error) {
			return mdoc.DCAPITranscript(h.Inputs.Origin, h.Inputs.Nonce, key)
		},
		"openid4vci/1.1-additions/kat/mdoc-session-transcript-ia.json": func(h handover, key crypto.PublicKey) (mdoc.Transcript, error) {
			return mdoc.InteractiveTranscript(h.Inputs.Endpoint, h.Inputs.Nonce, key)
		},
	} {
		t.Run(file, func(t *testing.T) {
			dir, name := file[:strings.LastIndexByte(file, '/')], file[strings.LastIndexByte(file, '/')+1:]
			var h handover
			if err := jose.Unmarshal(testvectors.File(t, dir, name), &h); err != nil {
				t.Fatal(err)
			}
			key, err := h.Key.Key()
			if err != nil {
				t.Fatal(err)
			}
			got, err := build(h, key)
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(got.Bytes()) != h.Transcript {
				t.Errorf("got  %x\nwant %s", got.Bytes(), h.Transcript)
			}
			none, err := build(h, nil)
			if err != nil || bytes.Equal(none.Bytes(), got.Bytes()) {
				t.Errorf("whether the response is encrypted makes no difference: %v", err)
			}
			other, err := build(h, parties().holder.Public())
			if err != nil || bytes.Equal(other.Bytes(), got.Bytes()) {
				t.Errorf("which key is used makes no difference: %v", err)
			}
			h.Inputs.Nonce += "x"
			if other, err = build(h, key); err != nil || bytes.Equal(other.Bytes(), got.Bytes()) {
				t.Errorf("the nonce makes no difference: %v", err)
			}
			h.Inputs.Nonce = ""
			if _, err = build(h, key); err == nil {
				t.Error("a missing nonce is accepted")
			}
		})
	}
	if _, err := mdoc.DCAPITranscript("origin:https://example.com", "n", nil); err == nil {
		t.Error(`an origin with the prefix "origin:" is accepted`)
	}
	if _, err := mdoc.RedirectTranscript("a", "b", "c", "no key"); err == nil {
		t.Error("a key without thumbprint is accepted")
	}
}
