// One order per line on standard input, one answer per line on standard output.
// An order runs something of a JavaScript library n times and answers with the
// processor time that it took, in nanoseconds.
import { createInterface } from 'node:readline';
import jsonld from 'jsonld';

let contexts = {};

// Contexts are in memory and, as in use, parsed once.
const documentLoader = async (url) => {
  if (!(url in contexts)) throw new Error(`no context ${url}`);
  return { contextUrl: null, documentUrl: url, document: contexts[url] };
};

const orders = {
  async contexts({ contexts: given }) {
    contexts = given;
    return {};
  },

  // From the text of a document to canonical N-Quads.
  async canonize({ document, n }) {
    let out;
    const start = process.cpuUsage();
    for (let i = 0; i < n; i++) {
      out = await jsonld.canonize(JSON.parse(document), {
        algorithm: 'RDFC-1.0', format: 'application/n-quads', documentLoader, safe: false, base: null,
      });
    }
    const { user, system } = process.cpuUsage(start);
    return { out, nanoseconds: 1000 * (user + system) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await orders[order](rest);
  } catch (e) {
    answer = { message: String(e.message ?? e) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
