// Orders to @owf/mdoc, one a line. Its library decides everything about the
// format; here are only the keys, the hashes and the certificates that it asks
// its caller for.
import { X509Certificate, createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import {
  CoseKey,
  DateOnly,
  DeviceKey,
  DeviceRequest,
  DeviceResponse,
  DocRequest,
  Holder,
  Issuer,
  IssuerSigned,
  ItemsRequest,
  SessionTranscript,
  SignatureAlgorithm,
  Verifier,
} from '@owf/mdoc';
import { obey } from '../openid4vc/service.mjs';

const der = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const jwk = (key) => ({ kty: 'EC', crv: 'P-256', x: Buffer.from(key.x).toString('base64url'), y: Buffer.from(key.y).toString('base64url'), ...(key.d && { d: Buffer.from(key.d).toString('base64url') }) });
const certificate = (bytes) => new X509Certificate(Buffer.from(bytes));
const field = (name, key) => name.split('\n').filter((l) => l.startsWith(`${key}=`)).map((l) => l.slice(key.length + 1));

const context = {
  crypto: {
    random: (n) => new Uint8Array(randomBytes(n)),
    digest: ({ digestAlgorithm, bytes }) => new Uint8Array(createHash(digestAlgorithm.replace('-', '').toLowerCase()).update(bytes).digest()),
  },
  cose: {
    sign1: {
      sign: ({ toBeSigned, key }) => new Uint8Array(sign('sha256', toBeSigned, { key: createPrivateKey({ key: jwk(key), format: 'jwk' }), dsaEncoding: 'ieee-p1363' })),
      verify: ({ sign1, key }) => verify('sha256', sign1.toBeSigned, { key: createPublicKey({ key: jwk(key), format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, sign1.signature),
    },
  },
  x509: {
    getIssuerNameField: ({ certificate: c, field: name }) => field(certificate(c).issuer, name),
    getPublicKey: ({ certificate: c }) => CoseKey.fromJwk(certificate(c).publicKey.export({ format: 'jwk' })),
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
async function transcript({ clientId, responseUri, origin, endpoint, nonce, thumbprint }) {
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

function claims(issuerSigned) {
  const all = {};
  for (const [namespace, items] of issuerSigned.issuerNamespaces.issuerNamespaces) {
    all[namespace] = Object.fromEntries(items.map((i) => [i.elementIdentifier, plain(i.elementValue)]));
  }
  return all;
}

const request = (docType, namespaces) =>
  DeviceRequest.create({
    docRequests: [DocRequest.create({ itemsRequest: ItemsRequest.create({ docType, namespaces }) })],
  });

await obey({
  async transcript(o) {
    return { hex: Buffer.from((await transcript(o)).encode()).toString('hex') };
  },
  // A holder that checks what an issuer handed out.
  async receive({ document, authority, now }) {
    const issuerSigned = IssuerSigned.fromEncodedForOid4Vci(document);
    await Holder.verifyIssuerSigned({ issuerSigned, trustedCertificates: [der(authority)], now: new Date(now) }, context);
    return { claims: claims(issuerSigned) };
  },
  async present({ document, docType, namespaces, key, ...at }) {
    const response = await Holder.createDeviceResponseForDeviceRequest(
      {
        deviceRequest: request(docType, namespaces),
        sessionTranscript: await transcript(at),
        issuerSigned: [IssuerSigned.fromEncodedForOid4Vci(document)],
        signature: { signingKey: CoseKey.fromJwk({ ...key, alg: 'ES256' }) },
      },
      context,
    );
    return { response: Buffer.from(response.encode()).toString('base64url') };
  },
  async issue({ docType, namespaces, dates, key, certificate: c, deviceKey, signed, validUntil }) {
    const issuer = new Issuer(docType, context);
    for (const [name, values] of Object.entries(namespaces)) {
      for (const date of dates ?? []) if (values[date]) values[date] = new DateOnly(values[date]);
      issuer.addIssuerNamespace(name, values);
    }
    const issuerSigned = await issuer.sign({
      signingKey: CoseKey.fromJwk(key),
      algorithm: SignatureAlgorithm.ES256,
      digestAlgorithm: 'SHA-256',
      validityInfo: { signed: new Date(signed), validFrom: new Date(signed), validUntil: new Date(validUntil) },
      deviceKeyInfo: { deviceKey: DeviceKey.fromJwk(deviceKey) },
      certificates: [der(c)],
    });
    return { document: issuerSigned.encodedForOid4Vci };
  },
  async verify({ response, authority, now, docType, namespaces, ...at }) {
    const deviceResponse = DeviceResponse.decode(new Uint8Array(Buffer.from(response, 'base64url')));
    await Verifier.verifyDeviceResponse(
      { deviceRequest: request(docType, namespaces), deviceResponse, sessionTranscript: await transcript(at), trustedCertificates: [der(authority)], now: new Date(now) },
      context,
    );
    return { claims: claims(deviceResponse.documents[0].issuerSigned) };
  },
});
