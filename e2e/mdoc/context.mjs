// What @owf/mdoc asks its caller for, and what peer.mjs and bench.mjs share. Keys and
// certificates are read once.
import { X509Certificate, createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { CoseKey, DateOnly, DeviceRequest, DocRequest, ItemsRequest, SessionTranscript } from '@owf/mdoc';

export const der = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const jwk = (key) => ({ kty: 'EC', crv: 'P-256', x: Buffer.from(key.x).toString('base64url'), y: Buffer.from(key.y).toString('base64url'), ...(key.d && { d: Buffer.from(key.d).toString('base64url') }) });

// once keeps what was made of something.
function once(make, name) {
  const made = new Map();
  return (of) => {
    const key = name(of);
    if (!made.has(key)) made.set(key, make(of));
    return made.get(key);
  };
}

const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const certificate = once((bytes) => new X509Certificate(Buffer.from(bytes)), base64);
const certified = once((bytes) => CoseKey.fromJwk(certificate(bytes).publicKey.export({ format: 'jwk' })), base64);
const signing = once((key) => createPrivateKey({ key: jwk(key), format: 'jwk' }), (key) => JSON.stringify(jwk(key)));
const verifying = once((key) => createPublicKey({ key: jwk(key), format: 'jwk' }), (key) => JSON.stringify(jwk(key)));
const field = (name, key) => name.split('\n').filter((l) => l.startsWith(`${key}=`)).map((l) => l.slice(key.length + 1));

export const context = {
  crypto: {
    random: (n) => new Uint8Array(randomBytes(n)),
    digest: ({ digestAlgorithm, bytes }) => new Uint8Array(createHash(digestAlgorithm.replace('-', '').toLowerCase()).update(bytes).digest()),
  },
  cose: {
    sign1: {
      sign: ({ toBeSigned, key }) => new Uint8Array(sign('sha256', toBeSigned, { key: signing(key), dsaEncoding: 'ieee-p1363' })),
      verify: ({ sign1, key }) => verify('sha256', sign1.toBeSigned, { key: verifying(key), dsaEncoding: 'ieee-p1363' }, sign1.signature),
    },
  },
  x509: {
    getIssuerNameField: ({ certificate: c, field: name }) => field(certificate(c).issuer, name),
    getPublicKey: ({ certificate: c }) => certified(c),
    verifyCertificateChain: ({ trustedCertificates, x5chain, now }) => {
      const chain = [...x5chain, trustedCertificates[0]].map(certificate);
      for (const [i, c] of chain.entries()) {
        const by = chain[i + 1] ?? c;
        if (!c.verify(by.publicKey) || (now && (now < new Date(c.validFrom) || now > new Date(c.validTo)))) throw new Error(`certificate ${i} does not verify`);
      }
    },
    getCertificateData: ({ certificate: c }) => {
      const x = certificate(c);
      return { issuerName: x.issuer, subjectName: x.subject, serialNumber: x.serialNumber, thumbprint: x.fingerprint256, notBefore: new Date(x.validFrom), notAfter: new Date(x.validTo), pem: x.toString() };
    },
  },
};

// transcript makes the session transcript of a request with its own code.
export async function transcript({ clientId, responseUri, origin, endpoint, nonce, thumbprint }) {
  const jwkThumbprint = thumbprint ? new Uint8Array(Buffer.from(thumbprint, 'base64url')) : undefined;
  if (origin) return SessionTranscript.forOid4VpDcApi({ origin, nonce, jwkThumbprint }, context);
  if (endpoint) return SessionTranscript.forOid4VpIae({ interactiveAuthorizationEndpoint: endpoint, nonce, jwkThumbprint }, context);
  return SessionTranscript.forOid4Vp({ clientId, responseUri, nonce, jwkThumbprint }, context);
}

// plain is what an issuer's values are as JSON.
function plain(value) {
  if (value instanceof DateOnly) return value.toISOString().slice(0, 10);
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}

export function claims(issuerSigned) {
  const all = {};
  for (const [namespace, items] of issuerSigned.issuerNamespaces.issuerNamespaces) {
    all[namespace] = Object.fromEntries(items.map((i) => [i.elementIdentifier, plain(i.elementValue)]));
  }
  return all;
}

export const request = (docType, namespaces) =>
  DeviceRequest.create({
    docRequests: [DocRequest.create({ itemsRequest: ItemsRequest.create({ docType, namespaces }) })],
  });
