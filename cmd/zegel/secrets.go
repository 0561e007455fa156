package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zegel-id/zegel/seal/trust/devca"
)

// The files below the key directory.
const (
	hierarchyDir = "hierarchy"
	secretsDir   = "secrets"
)

// secretNames are the random keys of the roles, 32 bytes each.
var secretNames = []string{"issuer", "holder", "sign-in", "pseudonyms", "idempotency"}

// tenantSecretNames are those that each tenant of the issuer has of its own.
var tenantSecretNames = []string{"issuer", "sign-in", "pseudonyms", "idempotency"}

// signingNames are signing keys that are not part of the certificate
// hierarchy.
var signingNames = []string{"use-log", "vault-handles"}

// secrets are the keys in files that only this process reads.
type secrets struct {
	random  map[string][]byte
	signing map[string]crypto.Signer
}

// initSecrets makes every secret file; none of them may be there.
func initSecrets(dir string) error {
	dir = filepath.Join(dir, secretsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range secretNames {
		if err := writeRandom(filepath.Join(dir, name+".key")); err != nil {
			return err
		}
	}
	for _, name := range signingNames {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		if err := writeNew(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
			return err
		}
	}
	return makeHistoryKey(filepath.Join(dir, historySecret))
}

func writeRandom(path string) error {
	b := make([]byte, 32)
	rand.Read(b)
	return writeNew(path, b)
}

func tenantSecrets(dir, tenant string) string {
	return filepath.Join(dir, secretsDir, "tenants", tenant)
}

// initTenantSecrets makes the secret files of a tenant that are not there yet.
func initTenantSecrets(dir, tenant string) error {
	dir = tenantSecrets(dir, tenant)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range tenantSecretNames {
		if err := writeRandom(filepath.Join(dir, name+".key")); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// loadTenantSecrets reads the random keys of a tenant.
func loadTenantSecrets(dir, tenant string) (map[string][]byte, error) {
	return readRandom(tenantSecrets(dir, tenant), tenantSecretNames)
}

func readRandom(dir string, names []string) (map[string][]byte, error) {
	keys := map[string][]byte{}
	for _, name := range names {
		path := filepath.Join(dir, name+".key")
		b, err := readSecret(path)
		if err != nil {
			return nil, err
		}
		if len(b) != 32 {
			return nil, fmt.Errorf("%s: found %d bytes, expected 32", path, len(b))
		}
		keys[name] = b
	}
	return keys, nil
}

func loadSecrets(dir string) (s secrets, err error) {
	s.signing = map[string]crypto.Signer{}
	dir = filepath.Join(dir, secretsDir)
	if s.random, err = readRandom(dir, secretNames); err != nil {
		return s, err
	}
	for _, name := range signingNames {
		path := filepath.Join(dir, name+".pem")
		b, err := readSecret(path)
		if err != nil {
			return s, err
		}
		block, _ := pem.Decode(b)
		if block == nil {
			return s, fmt.Errorf("%s: not a PEM file", path)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return s, fmt.Errorf("%s: not a PKCS #8 key", path)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return s, fmt.Errorf("%s: not a signing key", path)
		}
		s.signing[name] = signer
	}
	return s, nil
}

// readSecret reads a secret file and refuses one that others may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing; make keys with `zegel keys init`", path)
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (mode %04o); chmod it to 0600", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

// readToken reads a secret that is one line of text.
func readToken(path string) (string, error) {
	b, err := readSecret(path)
	return strings.TrimSpace(string(b)), err
}

// writeNew makes a file that is there whole or not at all, whenever the process
// dies: half a key would keep the next start from going on. One that is there
// already is not written over.
func writeNew(path string, b []byte) error {
	temp, err := writeTemp(path, b)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	return os.Link(temp, path) // unlike Rename, refuses a name that is taken
}

// writeOver is writeNew for a file that may be there.
func writeOver(path string, b []byte) error {
	temp, err := writeTemp(path, b)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// writeTemp writes a file that only its owner may read beside path.
func writeTemp(path string, b []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
func loadHierarchy(dir string) (*devca.Hierarchy, error) {
	h, err := devca.Load(filepath.Join(dir, hierarchyDir))
	if err != nil {
		return nil, fmt.Errorf("loading keys: %w; make them with `zegel keys init`", err)
	}
	return h, nil
}
