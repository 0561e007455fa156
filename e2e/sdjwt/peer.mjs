// One request per line on standard input, one answer per line on standard
// output. The answers come from @sd-jwt/sd-jwt-vc alone; nothing here knows
// our code.
import { createInterface } from 'node:readline';
import { ES256, digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';

const noop = async () => true;

async function verifierOf(jwk) {
  return jwk ? ES256.getVerifier(jwk) : noop;
}

const requests = {
  // Verifies a credential, or with a nonce a presentation.
  async verify({ text, issuer, holder, nonce, now, statusList, required }) {
    const peer = new SDJwtVcInstance({
      verifier: await verifierOf(issuer),
      kbVerifier: await verifierOf(holder),
      hasher: digest,
      hashAlg: 'sha-256',
      statusListFetcher: async () => statusList,
    });
    const options = { currentDate: now, requiredClaimKeys: required };
    if (nonce) options.keyBindingNonce = nonce;
    const { payload, kb } = await peer.verify(text, options);
    return { payload, kb };
  },

  // Issues claims with a disclosure frame.
  async issue({ claims, frame, key }) {
    const peer = new SDJwtVcInstance({
      signer: await ES256.getSigner(key),
      signAlg: 'ES256',
      verifier: noop,
      hasher: digest,
      hashAlg: 'sha-256',
      saltGenerator: generateSalt,
    });
    return { text: await peer.issue(claims, frame) };
  },

  // Presents a selection, bound to a key when there is one.
  async present({ text, frame, key, nonce, audience, iat }) {
    const config = { hasher: digest, hashAlg: 'sha-256', verifier: noop, saltGenerator: generateSalt };
    let options;
    if (key) {
      config.kbSigner = await ES256.getSigner(key);
      config.kbSignAlg = 'ES256';
      options = { kb: { payload: { iat, aud: audience, nonce } } };
    }
    return { text: await new SDJwtVcInstance(config).present(text, frame, options) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { request, ...rest } = JSON.parse(line);
    answer = await requests[request](rest);
  } catch (err) {
    answer = { error: String(err?.message ?? err) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
