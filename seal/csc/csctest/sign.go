package csctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	s.client(r)
	if r.ParseForm() != nil {
		bad("invalid_request")
	}
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	s.pushed[uri] = r.PostForm
	reply(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 60})
}

// authorizePage is the authorization endpoint, CSC API v2, Section 8.4.2.
func (s *Server) authorizePage(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	if uri := v.Get("request_uri"); uri != "" {
		v = s.pushed[uri]
		delete(s.pushed, uri)
	}
	if r.Method != http.MethodGet || v.Get("response_type") != "code" || v.Get("client_id") != ClientID || v.Get("redirect_uri") != Redirect ||
		v.Get("code_challenge_method") != "S256" || v.Get("state") == "" {
		bad("invalid_request")
	}
	hashes, oid := hashesOf(v)
	s.check(hashes, oid)
	code := rand.Text()
	s.grants[code] = &grant{hashes: hashes, challenge: v.Get("code_challenge"), redirectURI: v.Get("redirect_uri"), details: v.Get("authorization_details"), kind: "code"}
	http.Redirect(w, r, Redirect+"?"+url.Values{"code": {code}, "state": {v.Get("state")}, "iss": {s.URL}}.Encode(), http.StatusFound)
}

func hashesOf(v url.Values) (hashes []string, oid string) {
	if text := v.Get("authorization_details"); text != "" {
		var details []struct {
			Type         string `json:"type"`
			CredentialID string `json:"credentialID"`
			HashOID      string `json:"hashAlgorithmOID"`
			Documents    []struct {
				Hash  string `json:"hash"`
				Label string `json:"label"`
			} `json:"documentDigests"`
		}
		if question([]byte(text), &details); len(details) != 1 || details[0].Type != "credential" || details[0].CredentialID != CredentialID {
			bad("invalid_authorization_details")
		}
		for _, d := range details[0].Documents {
			hashes = append(hashes, d.Hash)
		}
		return hashes, details[0].HashOID
	}
	for _, h := range strings.Split(v.Get("hashes"), ",") {
		b, err := base64.RawURLEncoding.DecodeString(h)
		if err != nil {
			bad("invalid_request")
		}
		hashes = append(hashes, base64.StdEncoding.EncodeToString(b))
	}
	if v.Get("scope") != "credential" || v.Get("credentialID") != CredentialID || v.Get("numSignatures") != strconv.Itoa(len(hashes)) {
		bad("invalid_request")
	}
	return hashes, v.Get("hashAlgorithmOID")
}

// signHash, CSC API v2, Section 11.10. An authorization is used once, for its
// hashes.
func (s *Server) signHash(w http.ResponseWriter, body []byte, g *grant, bearer string) {
	var q struct {
		CredentialID  string   `json:"credentialID"`
		SAD           string   `json:"SAD"`
		Hashes        []string `json:"hashes"`
		HashOID       string   `json:"hashAlgorithmOID"`
		SignAlgo      string   `json:"signAlgo"`
		Params        string   `json:"signAlgoParams"`
		OperationMode string   `json:"operationMode"`
	}
	question(body, &q)
	if q.CredentialID != CredentialID || q.OperationMode != "S" {
		bad("invalid_request")
	}
	used := bearer
	if g == nil {
		if g, used = s.grants[q.SAD], q.SAD; g == nil || g.kind != "SAD" {
			bad("invalid_request")
		}
	} else if q.SAD != "" {
		bad("invalid_request")
	}
	delete(s.grants, used)
	if !slices.Equal(g.hashes, q.Hashes) {
		bad("invalid_request")
	}
	s.check(q.Hashes, q.HashOID)
	var out []string
	for _, h := range q.Hashes {
		digest, _ := base64.StdEncoding.DecodeString(h)
		sig, err := s.sign(digest, q.SignAlgo, q.Params)
		if err != nil {
			refuse(http.StatusInternalServerError, "server_error")
		}
		out = append(out, base64.StdEncoding.EncodeToString(sig))
		s.signed++
	}
	if s.bend != nil {
		out = s.bend(out)
	}
	reply(w, 200, map[string]any{"signatures": out})
}

func (s *Server) sign(digest []byte, algo, params string) ([]byte, error) {
	if _, ok := s.Key.Public().(*rsa.PublicKey); ok {
		der, err := base64.StdEncoding.DecodeString(params)
		if algo != "1.2.840.113549.1.1.10" || err != nil || !isPSS(der) {
			bad("invalid_request")
		}
		return s.Key.Sign(rand.Reader, digest, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	size, hash := 32, crypto.SHA256
	switch algo {
	case "1.2.840.10045.4.3.2":
	case "1.2.840.10045.4.3.3":
		size, hash = 48, crypto.SHA384
	default:
		bad("invalid_request")
	}
	der, err := s.Key.Sign(rand.Reader, digest, hash)
	if err != nil || !s.Raw {
		return der, err
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return nil, err
	}
	return append(v.R.FillBytes(make([]byte, size)), v.S.FillBytes(make([]byte, size))...), nil
}

// isPSS reads RSASSA-PSS-params (RFC 8017, Appendix A.2.3) for SHA-256 and a
// salt as long.
func isPSS(der []byte) bool {
	type algorithm struct {
		ID     asn1.ObjectIdentifier
		Params asn1.RawValue `asn1:"optional"`
	}
	var p struct {
		Hash algorithm `asn1:"explicit,tag:0"`
		MGF  algorithm `asn1:"explicit,tag:1"`
		Salt int       `asn1:"explicit,tag:2"`
	}
	rest, err := asn1.Unmarshal(der, &p)
	return err == nil && len(rest) == 0 && p.Hash.ID.String() == "2.16.840.1.101.3.4.2.1" && p.MGF.ID.String() == "1.2.840.113549.1.1.8" && p.Salt == 32
}
