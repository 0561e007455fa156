package main

import (
	"crypto/tls"
	"fmt"
)

// tls is the TLS configuration of a listener, nil for plain http behind a
// proxy or on loopback.
func (l ListenConfig) tls() (*tls.Config, error) {
	if l.Certificate == "" {
		return nil, nil
	}
	pair, err := keyPair(l.Certificate, l.Key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if l.ClientCA == "" {
		return c, nil
	}
	if c.ClientCAs, err = readRoots(l.ClientCA); err != nil {
		return nil, fmt.Errorf("client_ca: %w", err)
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	return c, nil
}
