// A verifier of @openid4vc/openid4vp: request objects by reference, answers
// encrypted or not, presentations verified with @sd-jwt/sd-jwt-vc and dcql.
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { Openid4vpVerifier } from '@openid4vc/openid4vp';
import { DcqlPresentationResult, DcqlQuery } from 'dcql';
import * as jose from 'jose';
import { callbacks, fetchList, leafOf, newKey, publicOf, sdJwt } from './wallet.mjs';
import { Answer, json, listen, obey, refuse } from './service.mjs';

const asked = new Map();
let me; // key and certificate chain of this verifier, and the anchor of credentials

const callbacksOf = (transaction) => ({
  ...callbacks({ keys: [me.key], anchor: me.anchor }),
  async signJwt(signer, { header, payload }) {
    const jwt = await new jose.SignJWT(payload).setProtectedHeader(header).sign(await jose.importJWK(me.key, 'ES256'));
    return { jwt, signerJwk: publicOf(me.key) };
  },
  async decryptJwe(jwe) {
    const { plaintext, protectedHeader } = await jose.compactDecrypt(jwe, await jose.importJWK(transaction.key, 'ECDH-ES'), { keyManagementAlgorithms: ['ECDH-ES'], contentEncryptionAlgorithms: ['A128GCM', 'A256GCM'] });
    if (protectedHeader.kid !== transaction.key.kid) throw new Error(`kid ${protectedHeader.kid}`);
    transaction.enc = protectedHeader.enc;
    return { decrypted: true, decryptionJwk: publicOf(transaction.key), payload: new TextDecoder().decode(plaintext), header: protectedHeader };
  },
});

const verifier = (transaction) => new Openid4vpVerifier({ callbacks: callbacksOf(transaction) });

function clientId(prefix, id) {
  const leaf = Buffer.from(me.chain[0], 'base64');
  switch (prefix) {
    case 'x509_hash': return `x509_hash:${createHash('sha256').update(leaf).digest('base64url')}`;
    case 'x509_san_dns': return 'x509_san_dns:localhost';
    case 'redirect_uri': return `redirect_uri:${base}/response/${id}`;
    default: throw new Error(`prefix ${prefix}`);
  }
}

// create makes the request object anew for each fetch, with the wallet's nonce.
const create = (t, wallet_nonce) => verifier(t).createOpenId4vpAuthorizationRequest({
  authorizationRequestPayload: { ...t.payload, ...(wallet_nonce ? { wallet_nonce } : {}) },
  wallet: wallet_nonce ? { expectedNonce: wallet_nonce } : undefined,
  jar: t.signed ? { requestUri: `${base}/request/${t.id}`, jwtSigner: { method: 'x5c', x5c: me.chain, alg: 'ES256' }, expiresInSeconds: 300, additionalJwtPayload: { aud: 'https://self-issued.me/v2', iat: Math.floor(Date.now() / 1000) } } : undefined,
});

const base = await listen(async ({ method, path, form }) => {
  const [, kind, id] = path.split('/');
  const t = asked.get(id);
  if (!t) return undefined;
  if (kind === 'request') {
    const { wallet_nonce, wallet_metadata } = method === 'POST' ? form() : {};
    t.fetched = method;
    const { jar } = await create(t, wallet_nonce);
    let object = jar.authorizationRequestJwt;
    const key = JSON.parse(wallet_metadata ?? '{}').jwks?.keys?.[0];
    if (t.encryptRequest && key) {
      object = await new jose.CompactEncrypt(new TextEncoder().encode(object)).setProtectedHeader({ alg: key.alg, enc: 'A256GCM', kid: key.kid, cty: 'oauth-authz-req+jwt' }).encrypt(await jose.importJWK(key, key.alg));
      t.requestEncrypted = true;
    }
    return new Answer(200, object, { 'Content-Type': 'application/oauth-authz-req+jwt' });
  }
  if (kind !== 'response' || method !== 'POST' || t.outcome) return refuse('invalid_request', 'no answer is expected here');
  const response = form();
  t.outcome = response.error ? { walletError: response.error } : await check(t, response).catch((err) => ({ message: String(err?.message ?? err) }));
  if (t.outcome.message) return refuse('invalid_request', t.outcome.message);
  return json(t.redirect ? { redirect_uri: t.redirect } : {});
});

async function check(t, authorizationResponse) {
  const parsed = await verifier(t).parseOpenid4vpAuthorizationResponse({ authorizationRequestPayload: t.payload, authorizationResponse, callbacks: callbacksOf(t) });
  const presentations = {}, bindings = {}, matched = {};
  for (const [id, texts] of Object.entries(parsed.dcql.presentations)) {
    for (const presentation of texts) {
      const { x5c } = jose.decodeProtectedHeader(presentation.split('~')[0]);
      const { cnf } = jose.decodeJwt(presentation.split('~')[0]);
      const peer = await sdJwt({ certificate: leafOf(x5c, me.anchor), holder: cnf.jwk, fetchList });
      const { payload, kb } = await peer.verify(presentation, { keyBindingNonce: t.payload.nonce });
      if (kb.payload.aud !== t.payload.client_id) throw new Error(`aud ${kb.payload.aud}, but client_id ${t.payload.client_id}`);
      (presentations[id] ??= []).push(payload);
      (bindings[id] ??= []).push(kb.payload);
      (matched[id] ??= []).push({ credential_format: 'dc+sd-jwt', vct: payload.vct, claims: payload, cryptographic_holder_binding: true });
    }
  }
  const result = DcqlPresentationResult.fromDcqlPresentation(matched, { dcqlQuery: DcqlQuery.parse(t.payload.dcql_query) });
  if (!result.can_be_satisfied) throw new Error('the presentations do not satisfy the query');
  let transactions;
  if (t.payload.transaction_data) {
    transactions = (await verifier(t).verifyTransactionData({ transactionData: t.payload.transaction_data, credentials: bindings, callbacks: callbacksOf(t) })).length;
  }
  return { presentations, transactions };
}

await obey({
  // identify gives the verifier its key, its certificates and its trust.
  async identify({ key, chain, anchor }) {
    me = { key, chain, anchor };
    return { base, subject: new X509Certificate(Buffer.from(chain[0], 'base64')).subject };
  },

  // ask makes a request and its link.
  async ask({ prefix = 'x509_hash', mode = 'direct_post.jwt', query, transactionData, redirect, method = 'post', encryptRequest = false }) {
    const id = randomBytes(16).toString('hex');
    const key = { ...(await newKey()), alg: 'ECDH-ES', use: 'enc', kid: `k-${id}` };
    const client_metadata = { vp_formats_supported: { 'dc+sd-jwt': { 'sd-jwt_alg_values': ['ES256'], 'kb-jwt_alg_values': ['ES256'] } } };
    if (mode.endsWith('.jwt')) {
      Object.assign(client_metadata, { jwks: { keys: [{ ...publicOf(key), alg: key.alg, use: key.use, kid: key.kid }] }, encrypted_response_enc_values_supported: ['A128GCM', 'A256GCM'] });
    }
    const t = { id, key, redirect, encryptRequest, signed: prefix !== 'redirect_uri' };
    t.payload = {
      response_type: 'vp_token', client_id: clientId(prefix, id), response_mode: mode, response_uri: `${base}/response/${id}`,
      nonce: randomBytes(16).toString('base64url'), state: randomBytes(16).toString('base64url'), dcql_query: query, client_metadata,
    };
    if (transactionData) t.payload.transaction_data = transactionData.map((d) => Buffer.from(JSON.stringify(d)).toString('base64url'));
    asked.set(id, t);
    const { authorizationRequest } = await create(t);
    const link = new URL(authorizationRequest);
    if (t.signed && method === 'post') link.searchParams.set('request_uri_method', 'post');
    return { id, link: link.toString() };
  },

  async result({ id }) {
    const { outcome, enc, fetched, requestEncrypted } = asked.get(id);
    return { ...outcome, enc, fetched, requestEncrypted };
  },
});
