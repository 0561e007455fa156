// Holds JSON-LD documents against SHACL shapes. One order on standard input, one
// answer on standard output. The quads come from jsonld and the verdicts from
// rdf-validate-shacl; nothing here knows our code.
import { readFileSync } from 'node:fs';
import jsonld from 'jsonld';
import { Parser, Store } from 'n3';
import Validator from 'rdf-validate-shacl';

const { contexts, shapes, documents } = JSON.parse(readFileSync(0, 'utf8'));

// Nothing is fetched: what the order does not bring is an error.
async function documentLoader(url) {
  if (!(url in contexts)) throw new Error(`not a context of the order: ${url}`);
  return { contextUrl: null, documentUrl: url, document: JSON.parse(contexts[url]) };
}

const graph = new Store();
for (const text of shapes) {
  for (const quad of new Parser().parse(text)) {
    if (quad.predicate.value !== 'http://www.w3.org/2002/07/owl#imports') graph.add(quad);
  }
}
const validator = new Validator(graph);

const answers = [];
for (const { name, document, lax } of documents) {
  try {
    const options = { documentLoader, format: 'application/n-quads', safe: !lax };
    const quads = await jsonld.toRDF(JSON.parse(document), options);
    const canonical = await jsonld.canonize(JSON.parse(document), { ...options, algorithm: 'RDFC-1.0' });
    const report = await validator.validate(new Store(new Parser({ format: 'N-Quads' }).parse(quads)));
    answers.push({
      name,
      conforms: report.conforms,
      canonical,
      results: report.results.map((r) => ({
        path: r.path?.value ?? '',
        constraint: (r.sourceConstraintComponent?.value ?? '').replace(/^.*#/, ''),
        focus: r.focusNode?.value ?? '',
      })),
    });
  } catch (err) {
    answers.push({ name, message: String(err?.message ?? err), details: JSON.stringify(err?.details ?? {}).slice(0, 500) });
  }
}
process.stdout.write(JSON.stringify(answers));
