// Answers a presentation request with @openid4vc/openid4vp, matches the query
// with dcql, and presents with @sd-jwt/sd-jwt-vc.
import { Openid4vpClient } from '@openid4vc/openid4vp';
import { DcqlQuery } from 'dcql';
import { callbacks, run, sdJwt } from './wallet.mjs';

const supported = {
  authorization_encryption_alg_values_supported: ['ECDH-ES'],
  authorization_encryption_enc_values_supported: ['A256GCM'],
  authorization_signing_alg_values_supported: [],
};

await run(async ({ request, held = [], anchor, refuse, encrypted = true }) => {
  const client = new Openid4vpClient({ callbacks: callbacks({ anchor }) });
  const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: request });
  const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
  const { authorizationRequestPayload: asked, client: verifier, dcql } = resolved;
  const out = { prefix: verifier.prefix, version: resolved.version, responseMode: asked.response_mode };

  const send = async (authorizationResponsePayload) => {
    const options = { authorizationRequestPayload: asked, authorizationResponsePayload };
    if (encrypted) options.jarm = { encryption: { nonce: 'wallet-generated' }, serverMetadata: supported };
    let response = { authorizationResponsePayload: { ...authorizationResponsePayload, state: asked.state } };
    if (encrypted) response = await client.createOpenid4vpAuthorizationResponse(options);
    const { response: res } = await client.submitOpenid4vpAuthorizationResponse({ authorizationRequestPayload: asked, ...response });
    if (response.jarm) out.enc = JSON.parse(Buffer.from(response.jarm.responseJwt.split('.')[0], 'base64url')).enc;
    out.status = res.status;
    out.body = await res.json();
    return out;
  };
  if (refuse) return send({ error: refuse, error_description: 'the holder does not share this' });

  const query = DcqlQuery.parse(dcql.query);
  DcqlQuery.validate(query);
  const peer = await sdJwt();
  const candidates = await Promise.all(held.map(async ({ credential }) => {
    const claims = await peer.getClaims(credential);
    return { credential_format: 'dc+sd-jwt', vct: claims.vct, claims, cryptographic_holder_binding: true };
  }));
  const found = DcqlQuery.query(query, candidates);
  if (!found.can_be_satisfied) throw new Error('nothing that the wallet holds satisfies the query');

  const vpToken = {};
  for (const { id } of query.credentials) {
    const match = found.credential_matches[id].valid_credentials[0];
    const { credential, key } = held[match.input_credential_index];
    const selected = match.claims.valid_claim_sets[0].output;
    const holder = await sdJwt({ key });
    vpToken[id] = [await holder.present(credential, frame(selected), {
      kb: { payload: { iat: Math.floor(Date.now() / 1000), aud: asked.client_id, nonce: asked.nonce } },
    })];
    out.selected = { ...out.selected, [id]: selected };
  }
  return send({ vp_token: vpToken });
});

// frame discloses the leaves of the claims that a query selects.
function frame(value) {
  if (value === null || typeof value !== 'object') return true;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, frame(v)]));
}
