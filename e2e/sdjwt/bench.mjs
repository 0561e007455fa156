// What @sd-jwt/sd-jwt-vc and jwt-status-list cost, for the table in docs/benchmarks.md:
// from text to text, with keys that are read once.
import { ES256, digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { StatusList, createHeaderAndPayload } from '@sd-jwt/jwt-status-list';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { measure } from '../bench/measure.mjs';

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

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
  // A list of which some indexes are set, compressed and signed. The library leaves the
  // signature to its caller.
  async list({ size, bits, set, claims, key }) {
    const statuses = new Array(size).fill(0);
    for (const [index, value] of set) statuses[index] = value;
    const list = new StatusList(statuses, bits);
    const sign = await ES256.getSigner(key);
    return async () => {
      const { header, payload } = createHeaderAndPayload(list, claims, { alg: 'ES256', typ: 'statuslist+jwt' });
      const input = `${base64url(header)}.${base64url(payload)}`;
      return `${input}.${await sign(input)}`;
    };
  },
});
