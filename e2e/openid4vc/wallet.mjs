// What both halves of the wallet share: keys, and the callbacks by which the
// @openid4vc libraries do their cryptography. Nothing here knows our code.
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { clientAuthenticationDynamic, setGlobalConfig } from '@openid4vc/oauth2';
import { ES256, digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';

// Issuer and verifier of the test are served over http on loopback.
setGlobalConfig({ allowInsecureUrls: true });

export const clientId = 'independent-wallet';

export async function newKey() {
  const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(privateKey);
  return { ...jwk, alg: 'ES256', kid: await jose.calculateJwkThumbprint(jwk) };
}

export function publicOf({ kty, crv, x, y }) {
  return { kty, crv, x, y };
}

// leafOf checks that every certificate of an x5c header is signed by the next,
// and the last by the anchor, all of them valid now; it returns the first.
export function leafOf(x5c, anchor) {
  const chain = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
  chain.push(new X509Certificate(anchor));
  const now = new Date();
  chain.forEach((c, i) => {
    if (now < new Date(c.validFrom) || now > new Date(c.validTo)) throw new Error(`certificate ${i} is not valid now`);
    const issuer = chain[i + 1];
    if (issuer && !(c.checkIssued(issuer) && issuer.ca && c.verify(issuer.publicKey))) throw new Error(`certificate ${i} is not issued by the next`);
  });
  return chain[0];
}

// callbacks for a wallet that holds keys and trusts what anchor issued.
export function callbacks({ keys = [], anchor } = {}) {
  return {
    hash: (data, alg) => createHash(alg.replace('-', '')).update(data).digest(),
    generateRandom: (length) => randomBytes(length),
    clientAuthentication: clientAuthenticationDynamic({ clientId, clientSecret: '' }),

    async signJwt(signer, { header, payload }) {
      const key = keys.find((k) => k.x === signer.publicJwk?.x && k.y === signer.publicJwk?.y);
      if (!key) throw new Error('the wallet does not hold this key');
      const jwt = await new jose.SignJWT(payload).setProtectedHeader(header).sign(await jose.importJWK(key, 'ES256'));
      return { jwt, signerJwk: publicOf(key) };
    },

    async verifyJwt(signer, { compact }) {
      if (signer.method !== 'x5c') throw new Error(`signed by ${signer.method}, not by a certificate`);
      const key = leafOf(signer.x5c, anchor).publicKey;
      await jose.compactVerify(compact, key, { algorithms: ['ES256'] });
      return { verified: true, signerJwk: key.export({ format: 'jwk' }) };
    },

    async encryptJwe({ publicJwk, alg, enc, apu, apv }, data) {
      const parameters = Object.fromEntries(Object.entries({ apu, apv }).filter(([, v]) => v).map(([k, v]) => [k, jose.base64url.decode(v)]));
      const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(data))
        .setProtectedHeader({ alg, enc, kid: publicJwk.kid })
        .setKeyManagementParameters(parameters)
        .encrypt(await jose.importJWK(publicJwk, alg));
      return { jwe, encryptionJwk: publicJwk };
    },

    getX509CertificateMetadata(certificate) {
      const names = (new X509Certificate(Buffer.from(certificate, 'base64')).subjectAltName ?? '').split(', ');
      const of = (kind) => names.filter((n) => n.startsWith(kind)).map((n) => n.slice(kind.length));
      return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') };
    },
  };
}

// fetchList fetches a status list token.
export async function fetchList(uri) {
  const res = await fetch(uri, { headers: { Accept: 'application/statuslist+jwt' } });
  if (!res.ok || res.headers.get('content-type') !== 'application/statuslist+jwt') throw new Error(`status list: ${res.status} ${res.headers.get('content-type')}`);
  return res.text();
}

// sdJwt reads credentials with @sd-jwt/sd-jwt-vc. A key makes presentations, a
// certificate verifies, and the holder's key verifies presentations.
export async function sdJwt({ certificate, key, holder, fetchList } = {}) {
  const config = { hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt, verifier: async () => false };
  if (certificate) config.verifier = await ES256.getVerifier(certificate.publicKey.export({ format: 'jwk' }));
  if (holder) config.kbVerifier = await ES256.getVerifier(holder);
  if (key) Object.assign(config, { kbSigner: await ES256.getSigner(key), kbSignAlg: 'ES256' });
  if (fetchList) {
    config.statusListFetcher = fetchList;
    config.statusVerifier = async (data, signature) => {
      const { x5c } = jose.decodeProtectedHeader(`${data}.`);
      const verify = await ES256.getVerifier(new X509Certificate(Buffer.from(x5c[0], 'base64')).publicKey.export({ format: 'jwk' }));
      return verify(data, signature);
    };
  }
  return new SDJwtVcInstance(config);
}

// run reads one order from standard input and writes one answer. A refusal of
// the other side is an answer too.
export async function run(serve) {
  let answer;
  try {
    answer = await serve(JSON.parse(await text(process.stdin)));
  } catch (err) {
    answer = { error: refusal(err), message: String(err?.message ?? err) };
  }
  process.stdout.write(JSON.stringify(answer));
}

function refusal(err) {
  return err?.errorResponse?.error ?? err?.response?.credentialErrorResponseResult?.data?.error ?? err?.code;
}
