package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// clientCertificates are what clients beside the institutions of client_ca may
// authenticate with: certificates as they are, and those of authorities.
type clientCertificates struct {
	pinned      []*x509.Certificate
	authorities []*x509.Certificate
}

// tls is the TLS configuration of a listener, nil for plain http behind a
// proxy or on loopback.
func (l ListenConfig) tls(others clientCertificates) (*tls.Config, error) {
	if l.Certificate == "" {
		return nil, nil
	}
	pair, err := keyPair(l.Certificate, l.Key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if l.ClientCA != "" {
		if c.ClientCAs, err = readRoots(l.ClientCA); err != nil {
			return nil, fmt.Errorf("client_ca: %w", err)
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if len(others.pinned)+len(others.authorities) > 0 {
		roots := c.ClientCAs
		// No list of authorities is sent: a client with a certificate of its own
		// making would find none of its.
		c.ClientCAs, c.ClientAuth = nil, tls.RequestClientCert
		c.VerifyConnection = others.verify(roots)
	}
	return c, nil
}

// verify refuses a certificate that is neither of an institution nor of a
// wallet. Who it is of is for the role to find out.
func (o clientCertificates) verify(institutions *x509.CertPool) func(tls.ConnectionState) error {
	roots := x509.NewCertPool()
	if institutions != nil {
		roots = institutions.Clone()
	}
	for _, a := range o.authorities {
		roots.AddCert(a)
	}
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return nil
		}
		leaf, between := s.PeerCertificates[0], x509.NewCertPool()
		for _, p := range o.pinned {
			if leaf.Equal(p) {
				return nil
			}
		}
		for _, other := range s.PeerCertificates[1:] {
			between.AddCert(other)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			return errors.New("the client's certificate is none of a client that is known here")
		}
		return nil
	}
}

// clientCertificates of the issuer's wallets and of its tenants'.
func (i *IssuerConfig) clientCertificates() (out clientCertificates, err error) {
	for _, c := range i.all() {
		for n, w := range c.Wallets {
			pinned, err := w.pinned()
			if err != nil {
				return out, fmt.Errorf("wallets[%d].%w", n, err)
			}
			out.pinned = append(out.pinned, pinned...)
			if w.Authorities == "" {
				continue
			}
			authorities, err := readCertificates(w.Authorities)
			if err != nil {
				return out, fmt.Errorf("wallets[%d].authorities: %w", n, err)
			}
			out.authorities = append(out.authorities, authorities...)
		}
	}
	return out, nil
}
