package magda

import (
	"crypto/tls"
	"crypto/x509"
)

// ClientTLS is mutual TLS towards the platform: certificate names us, and
// only roots name the platform; nil means the system's roots.
func ClientTLS(certificate tls.Certificate, roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    roots,
		// Always answer with the certificate, also where the server's list of
		// authorities does not name its issuer: the server decides.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	}
}

// ServerTLS is mutual TLS as the platform does it, for the development server.
func ServerTLS(certificate tls.Certificate, clients *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
	}
}
