// One request per line on standard input, one answer per line on standard
// output. The answers come from the packages of Digital Bazaar alone; nothing
// here knows our code. A cryptosuite is one line of `suites` in suites.mjs.
import { createInterface } from 'node:readline';
import * as vc from '@digitalbazaar/vc';
import { disclosing, loader, outcome, signing, suites, verifying } from './suites.mjs';

const read = async (r) => signing({ ...r, pair: await suites[r.suite].key.from(r.key) });

const requests = {
  async issue(r) {
    return {
      document: await vc.issue({ credential: r.document, suite: await read(r), documentLoader: loader(r.documents), now: r.now }),
    };
  },
  async derive(r) {
    return { document: await vc.derive({ verifiableCredential: r.document, suite: disclosing(r), documentLoader: loader(r.documents) }) };
  },
  async present(r) {
    return {
      document: await vc.signPresentation({
        presentation: r.document, suite: await read(r), documentLoader: loader(r.documents),
        challenge: r.challenge, domain: r.domain,
      }),
    };
  },
  async verifyCredential(r) {
    return outcome(await vc.verifyCredential({
      credential: r.document, suite: verifying(r), documentLoader: loader(r.documents), now: r.now,
    }));
  },
  async verifyPresentation(r) {
    return outcome(await vc.verify({
      presentation: r.document, suite: verifying(r), documentLoader: loader(r.documents), now: r.now,
      challenge: r.challenge, domain: r.domain,
    }));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { request, ...rest } = JSON.parse(line);
    answer = await requests[request](rest);
  } catch (err) {
    answer = { error: String(err?.message ?? err) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
