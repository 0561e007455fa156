// A credential issuer with its authorization server, of @openid4vc/openid4vci
// and @openid4vc/oauth2: pre-authorized code and authorization code (PAR, PKCE,
// DPoP with nonces, attested clients), batches, encryption, deferral and
// notifications. What it issues is made with @sd-jwt/sd-jwt-vc.
import { createHash, randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { Oauth2AuthorizationServer } from '@openid4vc/oauth2';
import { Openid4vciIssuer } from '@openid4vc/openid4vci';
import { ES256, digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';
import { callbacks, leafOf, newKey, publicOf } from './wallet.mjs';
import { Answer, json, listen, obey, refuse } from './service.mjs';

const secret = () => randomBytes(24).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const grantOf = { preAuthorized: 'urn:ietf:params:oauth:grant-type:pre-authorized_code', code: 'authorization_code' };
const configuration = 'diploma';

let me; // keys, certificates, and who attests wallets
let demands = {}; // what is demanded of wallets
const seen = { par: 0, dpopNonces: 0, attestations: 0, encrypted: 0, deferred: 0, refreshed: 0, notifications: [] };
const offers = new Map(), pushed = new Map(), codes = new Map(), tokens = new Map(), refreshes = new Map(), waiting = new Map();
const nonces = new Set(), challenges = new Set(), proofs = new Set();
let dpopNonce = secret();

const cb = {
  ...callbacks(),
  async verifyJwt(signer, { compact, header }) {
    let key;
    if (signer.method === 'jwk') key = await jose.importJWK(signer.publicJwk, 'ES256');
    else if (signer.method === 'x5c') key = leafOf(signer.x5c, me.anchor).publicKey;
    else throw new Error(`nobody knows who signed the ${header.typ}`);
    await jose.compactVerify(compact, key, { algorithms: ['ES256'] });
    return { verified: true, signerJwk: signer.publicJwk };
  },
};
const issuer = new Openid4vciIssuer({ callbacks: cb });
const server = new Oauth2AuthorizationServer({ callbacks: cb });

function serverMetadata() {
  const m = { issuer: base, token_endpoint: `${base}/token`, 'pre-authorized_grant_anonymous_access_supported': true };
  if (demands.code) {
    Object.assign(m, {
      authorization_endpoint: `${base}/authorize`, pushed_authorization_request_endpoint: `${base}/par`, require_pushed_authorization_requests: true,
      code_challenge_methods_supported: ['S256'], authorization_response_iss_parameter_supported: true, response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token', grantOf.preAuthorized],
    });
  }
  if (demands.dpop) m.dpop_signing_alg_values_supported = ['ES256'];
  if (demands.attestation) {
    Object.assign(m, {
      token_endpoint_auth_methods_supported: ['attest_jwt_client_auth'], challenge_endpoint: `${base}/challenge`,
      client_attestation_signing_alg_values_supported: ['ES256'], client_attestation_pop_signing_alg_values_supported: ['ES256'],
    });
  }
  return server.createAuthorizationServerMetadata(m);
}

function credentialIssuer() {
  const m = {
    credential_issuer: base, credential_endpoint: `${base}/credential`, nonce_endpoint: `${base}/nonce`, notification_endpoint: `${base}/notification`,
    deferred_credential_endpoint: `${base}/deferred`, batch_credential_issuance: { batch_size: 10 },
    credential_configurations_supported: {
      [configuration]: {
        format: 'dc+sd-jwt', vct: `${base}/types/diploma`, scope: 'diploma', cryptographic_binding_methods_supported: ['jwk'], credential_signing_alg_values_supported: ['ES256'],
        proof_types_supported: { jwt: { proof_signing_alg_values_supported: ['ES256'] } },
        credential_metadata: { display: [{ name: 'Diploma', locale: 'nl' }], claims: [{ path: ['title'] }] },
      },
    },
  };
  if (demands.encryption) {
    m.credential_request_encryption = { jwks: { keys: [{ ...publicOf(me.encryption), kid: 'request', alg: 'ECDH-ES', use: 'enc' }] }, enc_values_supported: ['A256GCM'], encryption_required: demands.encryption === 'required' };
    m.credential_response_encryption = { alg_values_supported: ['ECDH-ES'], enc_values_supported: ['A128GCM', 'A256GCM'], encryption_required: demands.encryption === 'required' };
  }
  return issuer.createCredentialIssuerMetadata(m);
}

const metadata = () => {
  const m = credentialIssuer();
  return { credentialIssuer: m, authorizationServers: [serverMetadata()], knownCredentialConfigurations: issuer.getKnownCredentialConfigurationsSupported(m), originalDraftVersion: 'V1' };
};

const sent = ({ method, url, headers }) => ({ method, url: `${base}${url.pathname}`, headers: new Headers(headers) });

// bound checks a DPoP proof and its nonce, which is used once.
async function bound(request, { status, accessToken, expectedJwkThumbprint } = {}) {
  const dpopJwt = request.headers.dpop;
  if (!dpopJwt) throw refuse('invalid_dpop_proof', 'a DPoP proof is missing', status);
  const { nonce, jti } = jose.decodeJwt(dpopJwt);
  if (demands.dpop === 'nonces' && nonce !== dpopNonce) {
    throw refuse('use_dpop_nonce', 'another nonce', status, { 'DPoP-Nonce': dpopNonce, ...(status === 401 ? { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"' } : {}) });
  }
  if (nonce) seen.dpopNonces++;
  dpopNonce = secret();
  if (proofs.has(jti)) throw refuse('invalid_dpop_proof', 'the proof was used before', status);
  proofs.add(jti);
  const { jwkThumbprint } = await server.verifyDpopJwt({ dpopJwt, request: sent(request), accessToken, expectedJwkThumbprint, allowedSigningAlgs: ['ES256'] });
  return jwkThumbprint;
}

// client authenticates who asks, where wallets must be attested.
async function client(request, id) {
  if (!demands.attestation) return id;
  const clientAttestationJwt = request.headers['oauth-client-attestation'], clientAttestationPopJwt = request.headers['oauth-client-attestation-pop'];
  if (!clientAttestationJwt || !clientAttestationPopJwt) throw refuse('invalid_client', 'the wallet is not attested', 401);
  const { challenge } = jose.decodeJwt(clientAttestationPopJwt);
  if (!challenges.delete(challenge)) {
    const next = secret();
    challenges.add(next);
    throw refuse('use_attestation_challenge', 'a challenge of this server is missing', 400, { 'OAuth-Client-Attestation-Challenge': next });
  }
  // The library wants an exp in the proof, which draft -07 does not have.
  const { header } = await opens(clientAttestationJwt, 'oauth-client-attestation+jwt', me.attester);
  const { sub, cnf, iss } = jose.decodeJwt(clientAttestationJwt);
  await opens(clientAttestationPopJwt, 'oauth-client-attestation-pop+jwt', cnf.jwk);
  const pop = jose.decodeJwt(clientAttestationPopJwt);
  if (header.kid === undefined || !iss || pop.iss !== sub || pop.aud !== base || !pop.iat || proofs.has(pop.jti)) throw refuse('invalid_client_attestation', 'the proof does not fit', 401);
  proofs.add(pop.jti);
  if (id !== undefined && sub !== id) throw refuse('invalid_client', 'client_id is not that of the attestation', 401);
  seen.attestations++;
  return sub;
}

async function opens(jwt, typ, jwk) {
  const { protectedHeader: header } = await jose.compactVerify(jwt, await jose.importJWK(jwk, 'ES256'), { algorithms: ['ES256'] });
  if (header.typ !== typ) throw refuse('invalid_client_attestation', `typ ${header.typ}`, 401);
  return { header };
}

const fresh = (headers = {}) => (demands.dpop === 'nonces' ? { ...headers, 'DPoP-Nonce': dpopNonce } : headers);

const routes = {
  '/.well-known/openid-credential-issuer': () => json(credentialIssuer()),
  '/.well-known/oauth-authorization-server': () => json(serverMetadata()),
  '/types/diploma': () => json({ vct: `${base}/types/diploma`, name: 'Diploma' }),

  async '/challenge'() {
    const attestation_challenge = secret();
    challenges.add(attestation_challenge);
    return json({ attestation_challenge });
  },

  async '/par'(request) {
    const form = request.form();
    const id = await client(request, form.client_id);
    const parsed = await server.parsePushedAuthorizationRequest({ authorizationRequest: form, request: sent(request) });
    const jkt = request.headers.dpop ? await bound(request, { status: 400 }) : form.dpop_jkt;
    if (demands.dpop && !jkt) throw refuse('invalid_request', 'the code must be bound to a key');
    const r = parsed.authorizationRequest;
    if (r.response_type !== 'code' || r.code_challenge_method !== 'S256' || !r.code_challenge || !r.redirect_uri) throw refuse('invalid_request', 'response_type, PKCE with S256 and redirect_uri are needed');
    const request_uri = `urn:ietf:params:oauth:request_uri:${secret()}`;
    pushed.set(request_uri, { ...r, client: id, jkt });
    seen.par++;
    return json({ request_uri, expires_in: 60 }, 201, fresh());
  },

  // The citizen agrees to everything.
  async '/authorize'({ url }) {
    const request_uri = url.searchParams.get('request_uri'), r = pushed.get(request_uri);
    if (!r || r.client_id !== url.searchParams.get('client_id')) throw refuse('invalid_request', 'request_uri is not known');
    pushed.delete(request_uri);
    const code = secret(), back = new URL(r.redirect_uri);
    codes.set(code, r);
    back.searchParams.set('code', code);
    if (r.state) back.searchParams.set('state', r.state);
    back.searchParams.set('iss', base);
    back.searchParams.set('unknown', 'parameter');
    return new Answer(302, '', { Location: back.toString() });
  },

  async '/token'(request) {
    const form = request.form();
    const { grant, pkceCodeVerifier } = server.parseAccessTokenRequest({ accessTokenRequest: form, request: sent(request) });
    const common = { request: sent(request), accessTokenRequest: form, grant, authorizationServerMetadata: serverMetadata() };
    let from, jkt, id;
    if (grant.preAuthorizedCode) {
      from = offers.get(grant.preAuthorizedCode);
      if (!from) throw refuse('invalid_grant', 'the code is not known');
      if (demands.dpop || request.headers.dpop) jkt = await bound(request, { status: 400 });
      await server.verifyPreAuthorizedCodeAccessTokenRequest({ ...common, expectedPreAuthorizedCode: grant.preAuthorizedCode, expectedTxCode: from.txCode });
      offers.delete(grant.preAuthorizedCode);
    } else if (grant.code) {
      from = codes.get(grant.code);
      if (!from) throw refuse('invalid_grant', 'the code is not known');
      id = await client(request, from.client);
      if (from.jkt || request.headers.dpop) jkt = await bound(request, { status: 400, expectedJwkThumbprint: from.jkt });
      if (form.redirect_uri !== from.redirect_uri) throw refuse('invalid_grant', 'redirect_uri is another');
      await server.verifyAuthorizationCodeAccessTokenRequest({ ...common, expectedCode: grant.code, pkce: { codeVerifier: pkceCodeVerifier, codeChallenge: from.code_challenge, codeChallengeMethod: 'S256' } });
      codes.delete(grant.code);
    } else {
      from = refreshes.get(grant.refreshToken);
      if (!from) throw refuse('invalid_grant', 'the refresh token is not known');
      id = await client(request, from.client);
      if (from.jkt) jkt = await bound(request, { status: 400, expectedJwkThumbprint: from.jkt });
      refreshes.delete(grant.refreshToken);
      seen.refreshed++;
    }
    const access_token = secret(), credential_identifier = `dataset-${secret()}`;
    tokens.set(access_token, { jkt, identifier: demands.identifiers ? credential_identifier : undefined });
    const response = { access_token, token_type: jkt ? 'DPoP' : 'Bearer', expires_in: 300 };
    if (demands.identifiers) response.authorization_details = [{ type: 'openid_credential', credential_configuration_id: configuration, credential_identifiers: [credential_identifier] }];
    if (!grant.preAuthorizedCode) {
      response.refresh_token = secret();
      refreshes.set(response.refresh_token, { client: id, jkt });
    }
    return json(response, 200, fresh());
  },

  async '/nonce'() {
    const c_nonce = secret();
    nonces.add(c_nonce);
    return json(issuer.createNonceResponse({ cNonce: c_nonce }), 200, fresh());
  },

  async '/credential'(request) {
    const token = await authorize(request);
    const { body, encryption } = await opened(request);
    const { credentialRequest, proofs: given } = issuer.parseCredentialRequest({ issuerMetadata: metadata(), credentialRequest: body });
    if (token.identifier ? credentialRequest.credential_identifier !== token.identifier : credentialRequest.credential_configuration_id !== configuration) throw refuse('unknown_credential_identifier', 'another dataset');
    const keys = [], used = new Set();
    for (const jwt of given?.jwt ?? []) {
      const { nonce } = jose.decodeJwt(jwt);
      if (!nonces.has(nonce)) throw refuse('invalid_nonce', 'the nonce is not one of this issuer');
      used.add(nonce);
      const { header } = await issuer.verifyCredentialRequestJwtProof({ issuerMetadata: metadata(), jwt, expectedNonce: nonce });
      keys.push(header.jwk);
    }
    used.forEach((n) => nonces.delete(n));
    if (keys.length === 0) throw refuse('invalid_proof', 'no key was proved');
    const response = { credentials: await Promise.all(keys.map(async (key) => ({ credential: await issue(key) }))), notification_id: secret() };
    if (!demands.deferral) return sealed(issuer.createCredentialResponse({ credentialRequest, credentials: response.credentials, notificationId: response.notification_id }), encryption);
    const transaction_id = secret();
    waiting.set(transaction_id, { response, left: demands.deferral, token });
    return sealed({ transaction_id, interval: 1 }, encryption, 202);
  },

  async '/deferred'(request) {
    const token = await authorize(request);
    const { body, encryption } = await opened(request);
    const { deferredCredentialRequest: { transaction_id } } = issuer.parseDeferredCredentialRequest({ deferredCredentialRequest: body });
    const w = waiting.get(transaction_id);
    if (!w || w.token !== token) throw refuse('invalid_transaction_id', 'nothing waits under this identifier');
    seen.deferred++;
    if (--w.left > 0) return sealed({ transaction_id, interval: 1 }, encryption, 202);
    waiting.delete(transaction_id);
    return sealed(w.response, encryption);
  },

  async '/notification'(request) {
    await authorize(request);
    seen.notifications.push(JSON.parse(request.raw).event);
    return new Answer(204, '', fresh());
  },

  async '/status/1'() {
    const list = deflateSync(Buffer.alloc(64)).toString('base64url');
    const payload = { sub: `${base}/status/1`, iat: now(), exp: now() + 3600, ttl: 60, status_list: { bits: 1, lst: list } };
    const jwt = await new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'statuslist+jwt', x5c: me.statusChain }).sign(await jose.importJWK(me.statusKey, 'ES256'));
    return new Answer(200, jwt, { 'Content-Type': 'application/statuslist+jwt' });
  },
};

// authorize finds the access token of a request; a bound one needs its proof.
async function authorize(request) {
  const [scheme, accessToken] = (request.headers.authorization ?? '').split(' ');
  const token = tokens.get(accessToken);
  if (!token || scheme !== (token.jkt ? 'DPoP' : 'Bearer')) throw refuse('invalid_token', 'the access token is not known', 401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' });
  if (token.jkt) await bound(request, { status: 401, accessToken, expectedJwkThumbprint: token.jkt });
  return token;
}

// opened reads a credential request, encrypted or not, and how its answer is
// to be encrypted (OpenID4VCI 1.0, Section 10).
async function opened(request) {
  const encrypted = request.headers['content-type']?.startsWith('application/jwt');
  if (demands.encryption === 'required' && !encrypted) throw refuse('invalid_encryption_parameters', 'the request is not encrypted');
  let text = request.raw;
  if (encrypted) {
    const { plaintext, protectedHeader } = await jose.compactDecrypt(text, await jose.importJWK(me.encryption, 'ECDH-ES'), { keyManagementAlgorithms: ['ECDH-ES'], contentEncryptionAlgorithms: ['A256GCM'] });
    if (protectedHeader.kid !== 'request') throw refuse('invalid_encryption_parameters', 'kid is another');
    text = new TextDecoder().decode(plaintext);
    seen.encrypted++;
  }
  // The library knows the parameters of a draft only, with alg beside the key.
  const { credential_response_encryption: encryption, ...body } = JSON.parse(text);
  if (encryption && !encrypted) throw refuse('invalid_encryption_parameters', 'the key of the answer was sent in clear');
  return { body, encryption };
}

async function sealed(response, encryption, status = 200) {
  if (!encryption) return json(response, status, fresh());
  const { jwk, enc } = encryption;
  const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(JSON.stringify(response))).setProtectedHeader({ alg: jwk.alg, enc, kid: jwk.kid }).encrypt(await jose.importJWK(jwk, jwk.alg));
  return new Answer(status, jwe, fresh({ 'Content-Type': 'application/jwt', 'Cache-Control': 'no-store' }));
}

async function issue({ kty, crv, x, y }) {
  const sd = new SDJwtVcInstance({ signer: await ES256.getSigner(me.key), signAlg: 'ES256', hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt });
  const claims = {
    iss: base, vct: `${base}/types/diploma`, iat: now(), nbf: now(), exp: now() + 86400, cnf: { jwk: { kty, crv, x, y } },
    sub: `urn:uuid:${crypto.randomUUID()}`, status: { status_list: { idx: randomBytes(1)[0], uri: `${base}/status/1` } },
    title: 'Master', level: { eqf: '7' }, award_date: '2020', tags: ['a', 'b'],
  };
  const leaf = Buffer.from(me.chain[0], 'base64');
  const header = { x5c: me.chain, 'x5t#S256': createHash('sha256').update(leaf).digest('base64url'), iat: now() };
  return sd.issue(claims, { _sd: ['title', 'level', 'award_date', 'tags'], level: { _sd: ['eqf'] } }, { header });
}

const base = await listen(async (request) => {
  const route = routes[request.path];
  if (route) return route(request);
  const [, kind, id] = request.path.split('/');
  return kind === 'offer' && offers.has(id) ? json(offers.get(id).object) : undefined;
});

await obey({
  async where() { return { base }; },

  // identify gives the issuer its keys and certificates.
  async identify(order) {
    me = { ...order, encryption: await newKey() };
    return {};
  },

  // trust names who may attest wallets.
  async trust({ attester }) { me.attester = attester; },

  // offer makes an offer; what is demanded holds until the next one.
  async offer({ txCode, byValue = false, ...more }) {
    demands = more;
    const code = secret();
    const grants = demands.code
      ? { [grantOf.code]: { issuer_state: secret() } }
      : { [grantOf.preAuthorized]: { 'pre-authorized_code': code, ...(txCode ? { tx_code: { length: txCode.length, input_mode: 'numeric' } } : {}) } };
    const { credentialOffer, credentialOfferObject } = await issuer.createCredentialOffer({
      issuerMetadata: metadata(), credentialConfigurationIds: [configuration], grants, credentialOfferUri: byValue ? undefined : `${base}/offer/${code}`,
    });
    offers.set(code, { txCode, object: credentialOfferObject });
    return { link: credentialOffer };
  },

  async seen() { return seen; },
});
