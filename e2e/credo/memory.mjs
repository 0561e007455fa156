// What an agent of Credo needs from its surroundings, kept in memory: keys and
// records. Its own wallets need a native library that the registry does not
// hold.
import { createCipheriv, createECDH, createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, sign, verify, X509Certificate } from 'node:crypto';
import { InjectionSymbols, Kms, RecordDuplicateError, RecordNotFoundError, StorageUpdateService, StorageVersionRecord } from '@credo-ts/core';

// Keys on P-256, for ES256 and ECDH-ES.
class Keys {
  backend = 'memory';
  #keys = new Map();

  constructor(anchors) {
    this.anchors = anchors;
  }

  isOperationSupported(_, op) {
    switch (op.operation) {
      case 'createKey': return op.type.kty === 'EC' && op.type.crv === 'P-256';
      case 'importKey': return op.privateJwk.kty === 'EC' && op.privateJwk.crv === 'P-256';
      case 'sign': case 'verify': return op.algorithm === 'ES256';
      case 'encrypt': return ['A128GCM', 'A256GCM'].includes(op.encryption.algorithm) && op.keyAgreement?.algorithm === 'ECDH-ES';
      case 'deleteKey': case 'randomBytes': return true;
      default: return false;
    }
  }

  #key(id) {
    const key = this.#keys.get(id);
    if (!key) throw new Kms.KeyManagementKeyNotFoundError(id, [this.backend]);
    return key;
  }

  #keep(jwk, keyId = randomUUID()) {
    if (this.#keys.has(keyId)) throw new Kms.KeyManagementKeyExistsError(keyId, this.backend);
    this.#keys.set(keyId, jwk);
    const { d, ...publicJwk } = jwk;
    return { keyId, publicJwk: { ...publicJwk, kid: keyId } };
  }

  async getPublicKey(_, keyId) {
    const jwk = this.#keys.get(keyId);
    if (!jwk) return null;
    const { d, ...publicJwk } = jwk;
    return { ...publicJwk, kid: keyId };
  }

  async createKey(_, { keyId }) {
    return this.#keep(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), keyId);
  }

  async importKey(_, { privateJwk: { kty, crv, x, y, d, kid } }) {
    return this.#keep({ kty, crv, x, y, d }, kid);
  }

  async deleteKey(_, { keyId }) {
    return this.#keys.delete(keyId);
  }

  async sign(_, { keyId, data }) {
    const key = createPrivateKey({ key: this.#key(keyId), format: 'jwk' });
    return { signature: Uint8Array.from(sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })) };
  }

  // The library takes the key of the credential for the one of its status list.
  // Another may sign the list, and is known by a certificate (Token Status List
  // draft 20).
  async verify(_, { key, data, signature }) {
    const publicJwk = statusIssuer(data, this.anchors()) ?? key.publicJwk ?? (await this.getPublicKey(_, key.keyId));
    const verified = verify('sha256', data, { key: createPublicKey({ key: publicJwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, signature);
    return verified ? { verified, publicJwk } : { verified };
  }

  // encrypt is direct key agreement with the Concat KDF (RFC 7518, Section 4.6).
  async encrypt(_, { key: { keyAgreement }, encryption: { algorithm, aad }, data }) {
    const { externalPublicJwk: other, keyId, apu, apv } = keyAgreement;
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(Buffer.from(this.#key(keyId).d, 'base64url'));
    const shared = ecdh.computeSecret(Buffer.concat([Buffer.from([4]), Buffer.from(other.x, 'base64url'), Buffer.from(other.y, 'base64url')]));
    const number = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
    const counted = (b) => Buffer.concat([number(b.length), b]);
    const bits = algorithm === 'A256GCM' ? 256 : 128;
    const hash = createHash('sha256').update(Buffer.concat([number(1), shared, counted(Buffer.from(algorithm)), counted(Buffer.from(apu ?? [])), counted(Buffer.from(apv ?? [])), number(bits)])).digest();
    const iv = randomBytes(12);
    const cipher = createCipheriv(`aes-${bits}-gcm`, hash.subarray(0, bits / 8), iv);
    if (aad) cipher.setAAD(aad);
    const encrypted = Buffer.concat([cipher.update(data), cipher.final()]);
    return { encrypted: Uint8Array.from(encrypted), iv: Uint8Array.from(iv), tag: Uint8Array.from(cipher.getAuthTag()) };
  }

  async decrypt() { throw new Error('not needed by a wallet that sends no encrypted credential request'); }

  randomBytes(_, { length }) { return Uint8Array.from(randomBytes(length)); }
}

// Records by type and id. A query matches what its tags say.
class Records {
  supportsCursorPagination = false;
  #all = new Map();
  #of = (type) => this.#all.get(type) ?? this.#all.set(type, new Map()).get(type);

  // A store without a version would be taken for one of a first release.
  constructor() {
    this.save(undefined, new StorageVersionRecord({ storageVersion: StorageUpdateService.frameworkStorageVersion }));
  }

  async save(_, record) {
    if (this.#of(record.type).has(record.id)) throw new RecordDuplicateError('the record is there already', { recordType: record.type });
    this.#of(record.type).set(record.id, record);
  }

  async update(_, record) {
    await this.getById(_, record, record.id);
    this.#of(record.type).set(record.id, record);
  }

  async delete(_, record) { return this.deleteById(_, record, record.id); }

  async deleteById(_, { type }, id) {
    if (!this.#of(type).delete(id)) throw new RecordNotFoundError('there is no such record', { recordType: type });
  }

  async getById(_, { type }, id) {
    const record = this.#of(type).get(id);
    if (!record) throw new RecordNotFoundError('there is no such record', { recordType: type });
    return record;
  }

  async getAll(_, { type }) { return [...this.#of(type).values()]; }

  async findByQuery(_, { type }, query, { limit } = {}) {
    return (await this.getAll(_, { type })).filter((r) => matches(r.getTags(), query)).slice(0, limit);
  }
}

function matches(tags, { $and = [], $or, $not, ...plain }) {
  const one = ([name, want]) => want === undefined || (Array.isArray(want) ? want.every((w) => (tags[name] ?? []).includes(w)) : tags[name] === want);
  return Object.entries(plain).every(one) && $and.every((q) => matches(tags, q)) && (!$or || $or.some((q) => matches(tags, q))) && (!$not || !matches(tags, $not));
}

// statusIssuer is the key of the certificate that a status list names, if it is
// one that an anchor vouches for.
function statusIssuer(data, anchors) {
  const [header] = Buffer.from(data).toString('latin1').split('.');
  if (!header.startsWith('eyJ')) return undefined; // a certificate, not a JWT
  const { typ, x5c = [] } = JSON.parse(Buffer.from(header, 'base64url'));
  if (typ !== 'statuslist+jwt' || x5c.length === 0) return undefined;
  const chain = [...x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64'))), ...anchors.map((pem) => new X509Certificate(pem))];
  chain.slice(0, x5c.length).forEach((c, i) => {
    if (!c.verify(chain[i + 1].publicKey)) throw new Error(`certificate ${i} of the status list is not issued by the next`);
  });
  return chain[0].publicKey.export({ format: 'jwk' });
}

// memory are the modules that keep everything in this process.
export const memory = (anchors) => ({
  kms: new Kms.KeyManagementModule({ backends: [new Keys(anchors)] }),
  records: { register: (manager) => manager.registerInstance(InjectionSymbols.StorageService, new Records()) },
});

// NoFiles says that no file may be written.
export class NoFiles {
  dataPath = '/nonexistent';
  cachePath = '/nonexistent';
  tempPath = '/nonexistent';
}
