// What @sd-jwt/sd-jwt-vc costs, for the table in docs/benchmarks.md: from text to text,
// with keys that are read once.
import { ES256, digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { measure } from '../bench/measure.mjs';

const hashing = { hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt };

await measure({
  async issue({ claims, frame, header, key }) {
    const issuer = new SDJwtVcInstance({ ...hashing, signer: await ES256.getSigner(key), signAlg: 'ES256' });
    return () => issuer.issue(JSON.parse(claims), frame, { header });
  },
  async present({ text, frame, key, nonce, audience, iat }) {
    const holder = new SDJwtVcInstance({ ...hashing, kbSigner: await ES256.getSigner(key), kbSignAlg: 'ES256' });
    return () => holder.present(text, frame, { kb: { payload: { iat, aud: audience, nonce } } });
  },
  async verify({ text, issuer, holder, nonce, now }) {
    const verifier = new SDJwtVcInstance({
      ...hashing, verifier: await ES256.getVerifier(issuer), kbVerifier: await ES256.getVerifier(holder),
    });
    return async () => JSON.stringify((await verifier.verify(text, { currentDate: now, keyBindingNonce: nonce })).payload);
  },
});
