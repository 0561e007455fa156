// What @owf/mdoc costs, for the table in docs/benchmarks.md: from text to text, with keys
// that are read once and a chain that was verified before.
import { CoseKey, DateOnly, DeviceKey, DeviceResponse, Holder, Issuer, IssuerSigned, SignatureAlgorithm, Verifier } from '@owf/mdoc';
import { measure } from '../bench/measure.mjs';
import { claims, context, der, request, transcript } from './context.mjs';

// known is the context of somebody who verified this chain before.
const known = { ...context, x509: { ...context.x509, verifyCertificateChain: () => {} } };

await measure({
  async issue({ docType, namespace, elements, dates, key, certificate, deviceKey, signed, validUntil }) {
    const signingKey = CoseKey.fromJwk(key);
    const device = DeviceKey.fromJwk(deviceKey);
    return async () => {
      const values = JSON.parse(elements);
      for (const date of dates) values[date] = new DateOnly(values[date]);
      const issuer = new Issuer(docType, context);
      issuer.addIssuerNamespace(namespace, values);
      const issuerSigned = await issuer.sign({
        signingKey, algorithm: SignatureAlgorithm.ES256, digestAlgorithm: 'SHA-256',
        validityInfo: { signed: new Date(signed), validFrom: new Date(signed), validUntil: new Date(validUntil) },
        deviceKeyInfo: { deviceKey: device }, certificates: [der(certificate)],
      });
      return issuerSigned.encodedForOid4Vci;
    };
  },
  async receive({ document, authority, now }) {
    const trustedCertificates = [der(authority)];
    const received = { trustedCertificates, now: new Date(now) };
    await Holder.verifyIssuerSigned({ ...received, issuerSigned: IssuerSigned.fromEncodedForOid4Vci(document) }, context);
    return async () => {
      const issuerSigned = IssuerSigned.fromEncodedForOid4Vci(document);
      await Holder.verifyIssuerSigned({ ...received, issuerSigned }, known);
      return JSON.stringify(claims(issuerSigned));
    };
  },
  async present({ document, docType, namespaces, key, ...at }) {
    const signingKey = CoseKey.fromJwk({ ...key, alg: 'ES256' });
    return async () => {
      const response = await Holder.createDeviceResponseForDeviceRequest({
        deviceRequest: request(docType, namespaces), sessionTranscript: await transcript(at),
        issuerSigned: [IssuerSigned.fromEncodedForOid4Vci(document)], signature: { signingKey },
      }, context);
      return Buffer.from(response.encode()).toString('base64url');
    };
  },
  async verify({ response, authority, now, docType, namespaces, ...at }) {
    const trustedCertificates = [der(authority)];
    const judge = async (by) => {
      const deviceResponse = DeviceResponse.decode(new Uint8Array(Buffer.from(response, 'base64url')));
      await Verifier.verifyDeviceResponse({
        deviceRequest: request(docType, namespaces), deviceResponse, sessionTranscript: await transcript(at), trustedCertificates, now: new Date(now),
      }, by);
      return JSON.stringify(claims(deviceResponse.documents[0].issuerSigned));
    };
    await judge(context);
    return () => judge(known);
  },
});
