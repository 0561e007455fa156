// Accepts a credential offer with @openid4vc/openid4vci, in as many copies as
// the order says or as the issuer allows, and checks what it gets with
// @sd-jwt/sd-jwt-vc.
import { Openid4vciClient } from '@openid4vc/openid4vci';
import { resourceRequest } from '@openid4vc/oauth2';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { callbacks, clientId, fetchList, leafOf, newKey, publicOf, run, sdJwt } from './wallet.mjs';

await run(async ({ offer, txCode, copies, anchor, event, again }) => {
  const keys = [];
  const cb = callbacks({ keys });
  const client = new Openid4vciClient({ callbacks: cb });

  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const { accessTokenResponse } = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode });
  const accessToken = accessTokenResponse.access_token;
  copies ??= issuerMetadata.credentialIssuer.batch_credential_issuance?.batch_size ?? 1;

  const prove = async (configuration) => {
    const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
    const proven = await Promise.all(Array.from({ length: copies }, newKey));
    keys.push(...proven);
    const jwt = await Promise.all(proven.map(async (key) => {
      const signer = { method: 'jwk', publicJwk: publicOf(key), alg: 'ES256' };
      return (await client.createCredentialRequestJwtProof({ issuerMetadata, credentialConfigurationId: configuration, nonce, signer, issuedAt: new Date() })).jwt;
    }));
    return { proven, proofs: { jwt } };
  };

  // The library asks by configuration only. Where the token response names
  // datasets, each is asked by its identifier (OpenID4VCI 1.0, Section 8.2).
  const ask = async ({ configuration, identifier }) => {
    const { proven, proofs } = await prove(configuration);
    if (identifier === undefined) {
      const { credentialResponse: response } = await client.retrieveCredentials({ issuerMetadata, accessToken, credentialConfigurationId: configuration, proofs });
      return { proven, response };
    }
    const res = await resourceRequest({
      url: issuerMetadata.credentialIssuer.credential_endpoint, accessToken, callbacks: cb,
      requestOptions: { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ credential_identifier: identifier, proofs }) },
    });
    const response = await res.response.json();
    if (!res.ok) throw Object.assign(new Error(response.error_description), { code: response.error });
    return { proven, response };
  };
  const codeOf = (err) => err.code ?? err.response?.credentialErrorResponseResult?.data?.error;
  let deferred = 0;
  const obtain = async (wanted) => {
    // A nonce may have gone stale in the meantime (Section 8.3.1.2), and the
    // credential may come later (Section 9).
    const { proven, response: first } = await ask(wanted).catch((err) => {
      if (codeOf(err) !== 'invalid_nonce') throw err;
      return ask(wanted);
    });
    let response = first;
    while (response.credentials === undefined) {
      deferred++;
      await new Promise((resolve) => setTimeout(resolve, response.interval * 1000));
      // The library refuses such an answer when it has a notification_id.
      const res = await resourceRequest({
        url: issuerMetadata.credentialIssuer.deferred_credential_endpoint, accessToken, callbacks: cb,
        requestOptions: { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ transaction_id: first.transaction_id }) },
      });
      response = await res.response.json();
      if (!res.ok) throw Object.assign(new Error(response.error_description), { code: response.error });
    }
    if (event) {
      await client.sendNotification({ issuerMetadata, accessToken, notification: { notificationId: response.notification_id, event } });
    }
    return response.credentials.map(({ credential }, i) => ({ credential, key: proven[i] }));
  };

  const wanted = (accessTokenResponse.authorization_details ?? []).flatMap((d) =>
    d.credential_identifiers.map((identifier) => ({ configuration: d.credential_configuration_id, identifier })));
  if (wanted.length === 0) wanted.push(...credentialOffer.credential_configuration_ids.map((configuration) => ({ configuration })));

  const credentials = [];
  for (const w of wanted) {
    const copies = await obtain(w);
    for (const c of copies) c.claims = await check(c, anchor, issuerMetadata.credentialIssuer.credential_configurations_supported[w.configuration]);
    credentials.push({ ...w, copies });
  }
  const out = { version: issuerMetadata.originalDraftVersion, tokenType: accessTokenResponse.token_type, credentials, clientId, deferred };
  if (again) out.again = await obtain(wanted[0]).then(() => 'issued', (err) => codeOf(err) ?? String(err));
  return out;
});

// check verifies a credential as a careful wallet does before it keeps it.
async function check({ credential, key }, anchor, configuration) {
  const { x5c, typ } = decodeProtectedHeader(credential.split('~')[0]);
  if (typ !== configuration.format) throw new Error(`typ ${typ}, but the format is ${configuration.format}`);
  const certificate = leafOf(x5c, anchor);
  const { iss, vct, cnf } = decodeJwt(credential.split('~')[0]);
  if (!(certificate.subjectAltName ?? '').split(', ').includes(`URI:${iss}`)) throw new Error(`iss ${iss} does not stand in the certificate: ${certificate.subjectAltName}`);
  if (vct !== configuration.vct) throw new Error(`vct ${vct}, but the metadata say ${configuration.vct}`);
  if (cnf?.jwk?.x !== key.x || cnf?.jwk?.y !== key.y) throw new Error('the credential is bound to another key');
  const { payload } = await (await sdJwt({ certificate, fetchList })).verify(credential);
  return payload;
}
