// A wallet of @openid4vc/openid4vci whose provider attests it and its keys: it
// asks with an authorization code, as HAIP 1.0 wants it. The attestations and
// their proofs are made here with jose: the library knows those of older
// drafts.
import { randomBytes } from 'node:crypto';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import { resourceRequest } from '@openid4vc/oauth2';
import * as jose from 'jose';
import { callbacks, newKey, publicOf } from './wallet.mjs';
import { obey } from './service.mjs';

const now = () => Math.floor(Date.now() / 1000);
const sign = async (key, typ, payload, more = {}) => new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ, ...more }).sign(await jose.importJWK(key, 'ES256'));

let wallet; // who vouches for it, its client_id, and the key of this instance
const keys = [];
const cb = callbacks({ keys });

// Every request to the authorization server carries an attestation and a proof
// with a challenge of the server (draft -07, Sections 5 and 8).
cb.clientAuthentication = async ({ headers, body, authorizationServerMetadata: server }) => {
  const res = await fetch(server.challenge_endpoint, { method: 'POST' });
  const { attestation_challenge: challenge } = await res.json();
  const { provider, clientId, instance } = wallet;
  headers.set('OAuth-Client-Attestation', await sign(provider, 'oauth-client-attestation+jwt', {
    iss: wallet.iss, sub: clientId, iat: now(), exp: now() + 600, cnf: { jwk: publicOf(instance) },
  }, { kid: provider.kid }));
  headers.set('OAuth-Client-Attestation-PoP', await sign(wallet.forged ?? instance, 'oauth-client-attestation-pop+jwt', {
    iss: clientId, aud: server.issuer, jti: randomBytes(16).toString('base64url'), iat: now(), challenge,
  }));
  body.client_id = clientId;
};

const client = new Openid4vciClient({ callbacks: cb });
let begun;

await obey({
  // begin pushes the request and says where the browser must go. A forged
  // proof is by another key than the attestation names.
  async begin({ offer, provider, iss, clientId, redirectUri, scope, forge = false }) {
    const bound = await newKey();
    keys.push(bound);
    wallet = { provider, iss, clientId, instance: await newKey(), forged: forge ? await newKey() : undefined };
    const credentialOffer = await client.resolveCredentialOffer(offer);
    const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
    const dpop = { signer: { method: 'jwk', alg: 'ES256', publicJwk: publicOf(bound) } };
    const started = await client.initiateAuthorization({ clientId, issuerMetadata, credentialOffer, redirectUri, scope, dpop });
    begun = { credentialOffer, issuerMetadata, redirectUri, ...started, dpop: { ...dpop, nonce: started.dpop?.nonce } };
    return { url: started.authorizationRequestUrl };
  },

  async finish({ address, copies, proof }) {
    const { issuerMetadata, credentialOffer, redirectUri, pkce } = begun;
    let { dpop } = begun;
    const { code } = client.parseAndVerifyAuthorizationResponseRedirectUrl({ url: address, authorizationServerMetadata: issuerMetadata.authorizationServers[0] });
    const { accessTokenResponse: token, dpop: after } = await client.retrieveAuthorizationCodeAccessTokenFromOffer({
      issuerMetadata, credentialOffer, authorizationCode: code, dpop, pkceCodeVerifier: pkce.codeVerifier, redirectUri,
    });
    dpop = { ...dpop, nonce: after?.nonce };
    const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
    const proven = await Promise.all(Array.from({ length: copies }, newKey));
    const attestation = () => sign(wallet.provider, 'key-attestation+jwt', { iat: now(), exp: now() + 600, nonce, attested_keys: proven.map(publicOf), key_storage: ['iso_18045_high'] }, { kid: wallet.provider.kid });
    const proofs = proof === 'attestation'
      ? { attestation: [await attestation()] }
      : { jwt: [await sign(proven[0], 'openid4vci-proof+jwt', { iss: wallet.clientId, aud: issuerMetadata.credentialIssuer.credential_issuer, iat: now(), nonce }, { jwk: publicOf(proven[0]), key_attestation: await attestation() })] };
    const identifier = token.authorization_details?.[0].credential_identifiers[0];
    const res = await resourceRequest({
      url: issuerMetadata.credentialIssuer.credential_endpoint, accessToken: token.access_token, callbacks: cb, dpop,
      requestOptions: {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ...(identifier ? { credential_identifier: identifier } : { credential_configuration_id: credentialOffer.credential_configuration_ids[0] }), proofs }),
      },
    });
    const body = await res.response.json();
    if (!res.ok) return { error: body.error, message: body.error_description };
    const bound = body.credentials.map(({ credential }) => jose.decodeJwt(credential.split('~')[0]).cnf.jwk.x);
    return { tokenType: token.token_type, refresh: Boolean(token.refresh_token), copies: bound.length, ours: bound.every((x) => proven.some((k) => k.x === x)) };
  },
});
