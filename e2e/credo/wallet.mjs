// A wallet of Credo. It takes orders from standard input, one JSON object a
// line, and answers each with a line. Nothing here knows our code.
import { createInterface } from 'node:readline';
import { EventEmitter } from 'node:events';
import { Agent, Kms, SdJwtVcRecord, X509Module } from '@credo-ts/core';
import { OpenId4VcModule } from '@credo-ts/openid4vc';
import { setGlobalConfig } from '@openid4vc/oauth2';
import { memory, NoFiles } from './memory.mjs';

// Issuer and verifier of the test are served over http on loopback.
setGlobalConfig({ allowInsecureUrls: true });

// The library asks by configuration only. Where the token response names
// datasets, each is asked by its identifier (OpenID4VCI 1.0, Section 8.2): the
// wallet around the library writes that on the wire.
let dataset;

// It also refuses a credential that came late and can be notified about, though
// the answer is that of the credential endpoint (Sections 9.2 and 8.3): the
// identifier is taken out and kept.
let lateNotification;
async function late(response) {
  const body = await response.clone().json().catch(() => ({}));
  if (!body.credentials || !body.notification_id) return response;
  ({ notification_id: lateNotification } = body);
  return Response.json({ ...body, notification_id: undefined }, { status: response.status });
}

async function wire(url, init) {
  if (init?.method === 'POST' && typeof init.body === 'string' && init.body.includes('"transaction_id"')) return late(await fetch(url, init));
  if (dataset && init?.method === 'POST' && typeof init.body === 'string' && init.body.includes('"credential_configuration_id"')) {
    const { credential_configuration_id: _, ...request } = JSON.parse(init.body);
    return fetch(url, { ...init, body: JSON.stringify({ ...request, credential_identifier: dataset }) });
  }
  return fetch(url, init);
}

let anchors = [];
const agent = new Agent({
  config: { allowInsecureHttpUrls: true },
  dependencies: { FileSystem: NoFiles, EventEmitterClass: EventEmitter, fetch: wire, WebSocketClass: class {} },
  modules: {
    ...memory(() => anchors),
    openid4vc: new OpenId4VcModule(),
    x509: new X509Module({ getTrustedCertificatesForVerification: () => anchors }),
  },
});
await agent.initialize();
const { holder } = agent.openid4vc;

const clientId = 'independent-wallet';

// bind proves a fresh key for each copy.
const bind = (copies) => async ({ issuerMaxBatchSize }) => {
  const keys = await Promise.all(Array.from({ length: Math.min(copies, issuerMaxBatchSize) }, () => agent.kms.createKeyForSignatureAlgorithm({ algorithm: 'ES256' })));
  return { method: 'jwk', keys: keys.map((k) => Kms.PublicJwk.fromPublicJwk(k.publicJwk)) };
};

const orders = {
  async receive({ offer, txCode, copies = 1, event }) {
    const resolvedCredentialOffer = await holder.resolveCredentialOffer(offer);
    const token = await holder.requestToken({ resolvedCredentialOffer, txCode });
    return collect({ resolvedCredentialOffer, token, copies, event });
  },

  // authorize begins the authorization code flow and says where the citizen's
  // browser must go; code ends it with the address that it came back to.
  async authorize({ offer, redirectUri, scope }) {
    const resolvedCredentialOffer = await holder.resolveCredentialOffer(offer);
    const begun = await holder.resolveOpenId4VciAuthorizationRequest(resolvedCredentialOffer, { clientId, redirectUri, scope });
    orders.begun = { resolvedCredentialOffer, redirectUri, ...begun };
    return { url: begun.authorizationRequestUrl, dpop: Boolean(begun.dpop) };
  },

  async code({ address, copies = 1, event }) {
    const { resolvedCredentialOffer, codeVerifier, redirectUri, dpop } = orders.begun;
    const { authorizationCode: code } = holder.parseAuthorizationCodeFromAuthorizationResponse({ authorizationResponseRedirectUrl: address, resolvedCredentialOffer });
    const token = await holder.requestToken({ resolvedCredentialOffer, clientId, code, codeVerifier, redirectUri, dpop });
    return collect({ resolvedCredentialOffer, token, copies, event, clientId });
  },

  async present({ request }) {
    const resolved = await holder.resolveOpenId4VpAuthorizationRequest(request);
    const out = { prefix: resolved.verifier.clientIdPrefix, mode: resolved.authorizationRequestPayload.response_mode };
    if (!resolved.dcql.queryResult.can_be_satisfied) throw new Error('nothing that the wallet holds satisfies the query');
    const credentials = holder.selectCredentialsForDcqlRequest(resolved.dcql.queryResult);
    const sent = await holder.acceptOpenId4VpAuthorizationRequest({ authorizationRequestPayload: resolved.authorizationRequestPayload, dcql: { credentials } });
    return { ...out, encrypted: Boolean(sent.authorizationResponse.response), status: sent.serverResponse.status, body: sent.serverResponse.body };
  },
};

async function collect({ resolvedCredentialOffer, token, copies, event, clientId }) {
  const identifiers = (token.accessTokenResponse.authorization_details ?? []).flatMap((d) => d.credential_identifiers);
  const out = { tokenType: token.accessTokenResponse.token_type, credentials: [] };
  for (dataset of identifiers.length ? identifiers : [undefined]) {
    const { credentials, deferredCredentials } = await holder.requestCredentials({
      resolvedCredentialOffer, accessToken: token.accessToken, cNonce: token.cNonce, dpop: token.dpop, clientId, credentialBindingResolver: bind(copies), verifyCredentialStatus: true,
    }).finally(() => { dataset = undefined; });
    for (let d of deferredCredentials) {
      const { jwkThumbprintKmsKeyIdMapping } = d;
      for (out.deferred = (out.deferred ?? 0) + 1; d; ) {
        await new Promise((resolve) => setTimeout(resolve, d.interval * 1000));
        const later = await holder.requestDeferredCredentials({ ...d, jwkThumbprintKmsKeyIdMapping, issuerMetadata: resolvedCredentialOffer.metadata, accessToken: token.accessToken, dpop: token.dpop });
        credentials.push(...later.credentials.map((c) => ({ ...c, notificationId: lateNotification })));
        [d] = later.deferredCredentials;
      }
    }
    for (const { record, notificationId } of credentials) {
      if (record instanceof SdJwtVcRecord) await agent.sdJwtVc.store({ record });
      const claims = record.firstCredential.prettyClaims;
      out.credentials.push({ copies: record.credentialInstances.length, type: claims.vct, title: claims.title });
      if (event) await holder.sendNotification({ metadata: resolvedCredentialOffer.metadata, notificationId, accessToken: token.accessToken, notificationEvent: event, dpop: token.dpop });
    }
  }
  return out;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { order, anchor, ...rest } = JSON.parse(line);
  if (anchor) anchors = [anchor];
  let answer;
  try {
    answer = await orders[order](rest);
  } catch (err) {
    const refused = err?.errorResponse ?? err?.response?.credentialErrorResponseResult?.data ?? {};
    answer = { error: refused.error, message: `${err?.message ?? err} ${err?.cause?.message ?? ''}`.trim() };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
