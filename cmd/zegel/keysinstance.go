package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/credential/bbs"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/vcapi"
)

// instanceDir is where the keys of the verifiable credential API lie.
const instanceDir = "vc-api"

// bbsPEM is the type of a PEM block with the 32 octets of a BBS secret key, for
// which there is no PKCS #8.
const bbsPEM = "ZEGEL BBS BLS12-381-SHA-256 SECRET KEY"

func keysInstanceCommand() *cobra.Command {
	var dir, curve string
	var suite string
	c := &cobra.Command{
		Use:   "instance NAME",
		Short: "Make the key of an issuer or holder of the verifiable credential API",
		Long: `Makes vc-api/NAME.pem in a key directory, with mode 0600, and prints the
did:key of the key. Nothing is written over. Name it in vc_api.issuers or
vc_api.holders of the configuration.`,
		Example: "  zegel keys instance eddsa --dir ./keys --cryptosuite eddsa-rdfc-2022",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !vcapi.ValidName(args[0]) {
				return fmt.Errorf("NAME: found %q, expected lower-case letters, digits and hyphens", args[0])
			}
			block, pub, err := newInstanceKey(vcapi.Suite(suite), curve)
			if err != nil {
				return err
			}
			id, err := did.DIDKey(pub)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Join(dir, instanceDir), 0o700); err != nil {
				return err
			}
			path := filepath.Join(dir, instanceDir, args[0]+".pem")
			if err := writeNew(path, pem.EncodeToMemory(block)); errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s is there already, and no key is written over; give another NAME, or move the file away", path)
			} else if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), id)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "keys", "the key directory")
	c.Flags().StringVar(&suite, "cryptosuite", "", "what it signs with, such as eddsa-rdfc-2022 (required)")
	c.Flags().StringVar(&curve, "curve", "", "P-256 (the default) or P-384, for ecdsa-rdfc-2019, ecdsa-jcs-2019 and jwt")
	return c
}

func newInstanceKey(s vcapi.Suite, curve string) (*pem.Block, crypto.PublicKey, error) {
	var key crypto.Signer
	var err error
	curves := map[string]elliptic.Curve{"": elliptic.P256(), "P-256": elliptic.P256(), "P-384": elliptic.P384()}
	switch s {
	case vcapi.ECDSARDFC, vcapi.ECDSAJCS, vcapi.JWT:
		if curves[curve] == nil {
			return nil, nil, fmt.Errorf("--curve: found %q, expected P-256 or P-384", curve)
		}
		key, err = ecdsa.GenerateKey(curves[curve], rand.Reader)
	case vcapi.EdDSARDFC, vcapi.EdDSAJCS, vcapi.ECDSASD, vcapi.BBS:
		if curve != "" {
			return nil, nil, fmt.Errorf("--curve: %s has one kind of key; leave it out", s)
		}
		switch s {
		case vcapi.BBS:
			secret, err := bbs.GenerateKey(rand.Reader, bbs.SHA256)
			if err != nil {
				return nil, nil, err
			}
			return &pem.Block{Type: bbsPEM, Bytes: secret.Bytes()}, vcapi.Key{BBS: secret}.Public(), nil
		case vcapi.ECDSASD:
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		default:
			_, key, err = ed25519.GenerateKey(rand.Reader)
		}
	default:
		return nil, nil, fmt.Errorf("--cryptosuite: found %q, expected one of %v", string(s), vcapi.Suites())
	}
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, key.Public(), err
}

// readInstanceKey reads a key in PKCS #8, or a BBS key.
func readInstanceKey(path string) (vcapi.Key, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return vcapi.Key{}, fmt.Errorf("%s is missing; make it with `zegel keys instance`", path)
	}
	if err != nil {
		return vcapi.Key{}, err
	}
	if block, _ := pem.Decode(b); block == nil || block.Type != bbsPEM {
		key, err := signingKey(path)
		if err != nil {
			return vcapi.Key{}, fmt.Errorf("%s: %w", path, err)
		}
		return vcapi.Key{Signer: key}, nil
	}
	if b, err = readSecret(path); err != nil {
		return vcapi.Key{}, err
	}
	block, _ := pem.Decode(b)
	secret, err := bbs.ParseSecretKey(bbs.SHA256, block.Bytes)
	if err != nil {
		return vcapi.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return vcapi.Key{BBS: secret}, nil
}
