// Orders to @owf/mdoc, one a line. Its library decides everything about the
// format; in context.mjs are only the keys, the hashes and the certificates that
// it asks its caller for.
import { CoseKey, DateOnly, DeviceKey, DeviceResponse, Holder, Issuer, IssuerSigned, SignatureAlgorithm, Verifier } from '@owf/mdoc';
import { obey } from '../openid4vc/service.mjs';
import { claims, context, der, request, transcript } from './context.mjs';

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
