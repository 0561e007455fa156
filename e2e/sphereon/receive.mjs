// Accepts a credential offer with @sphereon/oid4vci-client. Keys are made and
// used with node:crypto; nothing here knows our code.
import { createPublicKey, generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { CredentialRequestClientBuilderV1_0_15, OpenID4VCIClientV1_0_15, ProofOfPossessionBuilder } from '@sphereon/oid4vci-client';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  return { privateKey, jwk: { kty, crv, x, y } };
}

const signWith = (key) => ({
  async signCallback({ header, payload }) {
    const input = `${encode({ ...header, jwk: key.jwk })}.${encode(payload)}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  },
});

// prove makes a proof for a fresh key over a fresh nonce.
async function prove(client) {
  const key = newKey();
  const proof = await ProofOfPossessionBuilder.manual({ callbacks: signWith(key), version: client.version(), mode: 'pop' })
    .withIssuer(client.getIssuer()).withAlg('ES256').withJWK(key.jwk).withAccessTokenNonce(await client.acquireNonce()).withTyp('openid4vci-proof+jwt').build();
  return { key, proof };
}

async function receive({ offer, txCode, ...more }) {
  const client = await OpenID4VCIClientV1_0_15.fromURI({ uri: offer, alg: 'ES256', retrieveServerMetadata: true });
  return collect(client, await client.acquireAccessToken({ pin: txCode }), more);
}

// authorize says where the citizen's browser must go; code goes on with the
// address that it came back to.
async function authorize({ offer, clientId, redirectUri }) {
  const client = await OpenID4VCIClientV1_0_15.fromURI({ uri: offer, alg: 'ES256', clientId, retrieveServerMetadata: true, createAuthorizationRequestURL: false });
  const url = await client.createAuthorizationRequestUrl({ authorizationRequest: { clientId, redirectUri } });
  return { url, state: await client.exportState() };
}

async function code({ state, address, redirectUri, ...more }) {
  const client = await OpenID4VCIClientV1_0_15.fromState({ state });
  const back = Object.fromEntries(new URL(address).searchParams);
  if (back.error) throw Object.assign(new Error(back.error_description ?? 'refused'), { code: back.error });
  return collect(client, await client.acquireAccessToken({ code: back.code, redirectUri }), more);
}

async function collect(client, token, { anchor, copies = 1, event, asItIs }) {
  const metadata = client.endpointMetadata;
  const wanted = (token.authorization_details ?? []).flatMap((d) => d.credential_identifiers.map((identifier) => ({ identifier, configuration: d.credential_configuration_id })));
  if (wanted.length === 0) wanted.push(...client.getCredentialOfferConfigurationIds().map((configuration) => ({ configuration })));

  const credentials = [];
  for (const { identifier, configuration } of wanted) {
    const proven = [];
    for (let i = 0; i < copies; i++) proven.push(await prove(client));
    const requests = CredentialRequestClientBuilderV1_0_15.fromCredentialOffer({ credentialOffer: client.credentialOffer, metadata })
      .withToken(token.access_token).withVersion(client.version()).build();
    const request = await requests.createCredentialRequest({ proofInput: proven[0].proof, credentialConfigurationId: configuration, format: 'dc+sd-jwt', version: client.version() });
    // The library asks by configuration, though the token response names the
    // datasets (OpenID4VCI 1.0, Section 8.2).
    if (identifier) {
      delete request.credential_configuration_id;
      request.credential_identifier = identifier;
    }
    // The library still writes the `proof` of the drafts; the request of
    // OpenID4VCI 1.0, Section 8.2, has `proofs`.
    if (!asItIs) {
      delete request.proof;
      request.proofs = { jwt: proven.map((p) => p.proof.jwt) };
    }
    const response = await requests.acquireCredentialsUsingRequest(request, 'dc+sd-jwt');
    if (response.errorBody) throw Object.assign(new Error(response.errorBody.error_description ?? 'refused'), { code: response.errorBody.error });
    const { credentials: issued, notification_id } = response.successBody;
    credentials.push({ identifier, copies: issued.map(({ credential }, i) => check(credential, proven[i].key, anchor)) });
    if (event) {
      const answer = await client.sendNotification({ notificationEndpoint: metadata.credentialIssuerMetadata.notification_endpoint, notification: undefined }, { notification_id, event }, token.access_token);
      if (answer.error) throw new Error(`notification: ${JSON.stringify(answer)}`);
    }
  }
  return { tokenType: token.token_type, credentials };
}

// check verifies the signature of a credential by a certificate that anchor
// issued over some chain, and that it is bound to our key.
function check(credential, key, anchor) {
  const [header, payload, signature] = credential.split('~')[0].split('.');
  const chain = decode(header).x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
  chain.push(new X509Certificate(anchor));
  chain.slice(0, -1).forEach((c, i) => {
    if (!c.verify(chain[i + 1].publicKey)) throw new Error(`certificate ${i} is not issued by the next`);
  });
  const leaf = createPublicKey(chain[0].publicKey.export({ type: 'spki', format: 'pem' }));
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), { key: leaf, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))) throw new Error('the signature of the credential does not verify');
  const claims = decode(payload);
  if (claims.cnf.jwk.x !== key.jwk.x || claims.cnf.jwk.y !== key.jwk.y) throw new Error('the credential is bound to another key');
  return { type: claims.vct, subject: claims.sub, disclosures: credential.split('~').length - 2 };
}

let answer;
try {
  const { order = 'receive', ...rest } = JSON.parse(await text(process.stdin));
  answer = await { receive, authorize, code }[order](rest);
} catch (err) {
  answer = { error: err.code, message: String(err?.message ?? err) };
}
process.stdout.write(JSON.stringify(answer));
