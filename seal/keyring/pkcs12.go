package keyring

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

var (
	// ErrPassword is returned for a PKCS #12 file with another password.
	ErrPassword = errors.New("the password of the PKCS #12 file is wrong")
	// ErrPKCS12 is returned for what is no such file, or has no key in it.
	ErrPKCS12 = errors.New("not a usable PKCS #12 file")
)

// ParsePKCS12 reads the one key and the certificates of a PKCS #12 file (RFC 7292),
// also with PBES2 (RFC 8018). The certificates come in the order of the file.
func ParsePKCS12(b []byte, password string) (crypto.Signer, []*x509.Certificate, error) {
	if len(b) > maxFile {
		return nil, nil, fmt.Errorf("%w: longer than %d bytes", ErrPKCS12, maxFile)
	}
	key, leaf, more, err := pkcs12.DecodeChain(b, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, ErrPassword
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrPKCS12, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok || leaf == nil {
		return nil, nil, fmt.Errorf("%w: it must hold one signing key and its certificate", ErrPKCS12)
	}
	return signer, append([]*x509.Certificate{leaf}, more...), nil
}
