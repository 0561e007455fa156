// What issuer and verifier share: an HTTP server on loopback, and a loop that
// takes orders from standard input, one JSON object a line, and answers each
// with a line.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

// Answer is thrown or returned by a route: a status, a body and its type.
export class Answer extends Error {
  constructor(status, body, headers = {}) {
    super(`answer ${status}`);
    Object.assign(this, { status, body, headers });
  }
}

export const json = (body, status = 200, headers = {}) => new Answer(status, JSON.stringify(body), { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
export const refuse = (error, description, status = 400, headers = {}) => new Answer(status, JSON.stringify({ error, error_description: description }), { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });

// listen serves route(request) on a free port and returns the base URL. A
// request is { method, url, path, headers, raw, form() }.
export async function listen(route) {
  const server = createServer(async (req, res) => {
    let answer;
    try {
      const url = new URL(req.url, `http://${req.headers.host}`);
      const raw = await text(req);
      answer = await route({ method: req.method, url, path: url.pathname, headers: req.headers, raw, form: () => Object.fromEntries(new URLSearchParams(raw)) });
    } catch (err) {
      answer = err instanceof Answer ? err : refuse(err?.errorResponse?.error ?? 'invalid_request', String(err?.message ?? err));
    }
    answer ??= refuse('not_found', 'there is nothing here', 404);
    res.writeHead(answer.status, answer.headers);
    res.end(answer.body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://localhost:${server.address().port}`;
}

// obey takes orders until standard input ends.
export async function obey(orders) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { order, ...rest } = JSON.parse(line);
    let answer;
    try {
      answer = await orders[order](rest);
    } catch (err) {
      answer = { error: err?.errorResponse?.error, message: String(err?.message ?? err) };
    }
    process.stdout.write(`${JSON.stringify(answer ?? {})}\n`);
  }
  process.exit(0);
}
