package sdjwt

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// members writes the members of one JSON object.
type members struct {
	buf []byte
	bad bool // a text was not valid UTF-8
}

func (w *members) name(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// text writes a member unless its value is empty.
func (w *members) text(name, value string) {
	if value == "" {
		return
	}
	if !utf8.ValidString(value) {
		w.bad = true
		return
	}
	w.name(name)
	w.buf = appendQuoted(w.buf, value)
}

// date writes a NumericDate unless it is the zero time.
func (w *members) date(name string, at time.Time) {
	if at.IsZero() {
		return
	}
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, at.Unix(), 10)
}

func (w *members) null(name string, set bool) {
	if set {
		w.name(name)
		w.buf = append(w.buf, "null"...)
	}
}

func (s StatusList) append(dst []byte) []byte {
	purpose := s.Purpose
	if purpose == "" {
		purpose = "revocation"
	}
	dst = append(dst, `{"status_list":{"idx":`...)
	dst = strconv.AppendUint(dst, s.Index, 10)
	dst = append(dst, `,"uri":`...)
	dst = appendQuoted(dst, s.URI)
	dst = append(dst, `},"type":"TokenStatusList","purpose":`...)
	dst = appendQuoted(dst, purpose)
	dst = append(dst, `,"index":`...)
	dst = strconv.AppendUint(dst, s.Index, 10)
	dst = append(dst, `,"uri":`...)
	dst = appendQuoted(dst, s.URI)
	return append(dst, '}')
}

// confirmation writes cnf with the members that make the key and nothing that
// could link copies, such as a kid (RFC 7800, Section 3.2).
func (w *members) confirmation(k jose.JWK) {
	w.name("cnf")
	w.buf = append(append(w.buf, `{"jwk":{"kty":"`...), k.Kty...)
	part := func(name, value string) {
		w.buf = append(append(append(append(w.buf, `","`...), name...), `":"`...), value...)
	}
	switch k.Kty {
	case "RSA":
		part("n", k.N)
		part("e", k.E)
	case "EC":
		part("crv", k.Crv)
		part("x", k.X)
		part("y", k.Y)
	default:
		part("crv", k.Crv)
		part("x", k.X)
	}
	w.buf = append(w.buf, `"}}`...)
}

// publicKey checks a holder key. For P-256 it checks the form only, not that
// the point is on the curve: that would cost as much as all the digests of a
// credential, the proof of possession has shown it before, and a bad point
// could verify nothing.
func publicKey(k jose.JWK) error {
	private := k.D+k.P+k.Q+k.DP+k.DQ+k.QI+k.K != ""
	if k.Kty != "EC" || k.Crv != "P-256" || private {
		_, err := k.Key()
		return err
	}
	if !jose.Octets32(k.X) || !jose.Octets32(k.Y) {
		return fmt.Errorf("%w: x and y must be base64url of 32 octets (RFC 7518, Section 6.2.1.2)", jose.ErrJWK)
	}
	return nil
}

// status writes the status claim. In a PuB-EAA it must have both member
// families and they must agree.
func (w *members) status(status any, p Profile) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckStatus, Spec: etsi + ", clause 5.2.10; Token Status List, Section 6.1", Detail: detail}
	}
	if status == nil {
		return nil
	}
	if list, ok := status.(StatusList); ok {
		if !strings.HasPrefix(list.URI, "https://") && !collisionResistant(list.URI) {
			return bad("status: uri is not a URI")
		}
		w.name("status")
		w.buf = list.append(w.buf)
		return nil
	}
	var d document
	root, err := d.object("Status", status)
	if err != nil {
		return err
	}
	if p.pubEAA() {
		inner := d.member(root, "status_list")
		idx, uri := d.member(inner, "idx"), d.member(inner, "uri")
		index, flat := d.member(root, "index"), d.member(root, "uri")
		purpose := d.member(root, "purpose")
		switch {
		case idx < 0 || uri < 0 || d.nodes[idx].kind != kindNumber || d.nodes[uri].kind != kindString:
			return bad("status: status_list with idx and uri is missing")
		case index < 0 || flat < 0 || d.nodes[index].kind != kindNumber || d.nodes[flat].kind != kindString || purpose < 0 || d.nodes[purpose].kind != kindString:
			return bad("status: type, purpose, index and uri are missing")
		case d.text(d.member(root, "type")) != "TokenStatusList":
			return bad(`status: type must be "TokenStatusList"`)
		case !bytes.Equal(d.raw(idx), d.raw(index)) || d.text(uri) != d.text(flat):
			return bad("status: the two member families name different entries")
		}
	}
	w.name("status")
	w.buf = append(w.buf, d.raw(root)...)
	return nil
}
