// What the packages of Digital Bazaar offer, for peer.mjs and bench.mjs. A cryptosuite
// is one line of `suites`.
import * as bbs2023 from '@digitalbazaar/bbs-2023-cryptosuite';
import * as Bls12381Multikey from '@digitalbazaar/bls12-381-multikey';
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import * as EcdsaMultikey from '@digitalbazaar/ecdsa-multikey';
import { cryptosuite as ecdsaRdfc2019 } from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite';
import * as ecdsaSd2023 from '@digitalbazaar/ecdsa-sd-2023-cryptosuite';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import { cryptosuite as eddsaRdfc2022 } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';

// sign is what makes proofs, disclose what derives them, verify what judges them, key what
// reads a key pair.
export const suites = {
  'eddsa-rdfc-2022': { sign: () => eddsaRdfc2022, verify: () => eddsaRdfc2022, key: Ed25519Multikey },
  'ecdsa-rdfc-2019': { sign: () => ecdsaRdfc2019, verify: () => ecdsaRdfc2019, key: EcdsaMultikey },
  'ecdsa-sd-2023': {
    sign: (options) => ecdsaSd2023.createSignCryptosuite(options),
    disclose: (options) => ecdsaSd2023.createDiscloseCryptosuite(options),
    verify: () => ecdsaSd2023.createVerifyCryptosuite(),
    key: EcdsaMultikey,
  },
  'bbs-2023': {
    sign: (options) => bbs2023.createSignCryptosuite(options),
    disclose: (options) => bbs2023.createDiscloseCryptosuite(octets(options)),
    verify: (options) => bbs2023.createVerifyCryptosuite(octets(options)),
    key: Bls12381Multikey,
  },
};

// octets of a presentation header come in base64, and are left out where there are none.
function octets({ presentationHeader, expectedPresentationHeader, ...rest } = {}) {
  const options = rest;
  if (presentationHeader) options.presentationHeader = new Uint8Array(Buffer.from(presentationHeader, 'base64'));
  if (expectedPresentationHeader) options.expectedPresentationHeader = new Uint8Array(Buffer.from(expectedPresentationHeader, 'base64'));
  return options;
}

// documents are all that can be loaded: contexts, identifier documents and
// verification methods, by URL. Nothing is fetched.
export function loader(documents) {
  return async (url) => {
    const document = documents[url];
    if (!document) throw new Error(`not loaded: ${url}`);
    return { documentUrl: url, document, contextUrl: null };
  };
}

// signing makes a proof with a key pair that was read, disclosing derives one, verifying
// judges one.
export const signing = ({ suite, pair, created, options }) =>
  new DataIntegrityProof({ signer: pair.signer(), date: created, cryptosuite: suites[suite].sign(options) });
export const disclosing = ({ suite, options }) => new DataIntegrityProof({ cryptosuite: suites[suite].disclose(options) });
export const verifying = ({ suite, options }) => new DataIntegrityProof({ cryptosuite: suites[suite].verify(options) });

export function outcome(result) {
  const errors = [result.error, ...(result.results ?? []).map((r) => r.error), ...(result.error?.errors ?? [])].filter(Boolean);
  return { verified: result.verified === true, error: errors.map((e) => e.message).join('; ') };
}
