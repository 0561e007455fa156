// A citizen's browser that takes orders: one JSON object a line on standard
// input, each answered with a line.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const axe = createRequire(import.meta.url)('axe-core').source;
const browser = await chromium.launch({
  executablePath: process.env.ZEGEL_TEST_BROWSER,
  // The tests run as root in containers, where the sandbox cannot be made; the
  // browser sees pages of this machine alone.
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
const pages = new Map();
const limit = 20_000;

// wallet stands where the browser would ask the citizen's wallets (W3C Digital
// Credentials): it keeps what it is asked until the test answers.
function wallet() {
  window.DigitalCredential = class {};
  const get = (options) => new Promise((resolve, reject) => {
    window.asked = options;
    window.answer = (response) => (response ? resolve(response) : reject(new DOMException('no wallet', 'NotAllowedError')));
  });
  Object.defineProperty(navigator, 'credentials', { value: { get } });
}

function none() {
  delete window.DigitalCredential;
}

const orders = {
  // open goes to an address. Addresses in stops are not asked for: the browser
  // ends there.
  async open({ id, address, language, width = 1280, dark = false, script = true, digital = false, stops = [] }) {
    const context = await browser.newContext({ locale: language, viewport: { width, height: 900 }, colorScheme: dark ? 'dark' : 'light', javaScriptEnabled: script });
    context.setDefaultTimeout(limit);
    await context.addInitScript(digital ? wallet : none);
    const page = await context.newPage();
    const seen = { page, complaints: [], last: '' };
    page.on('pageerror', (err) => seen.complaints.push(String(err)));
    page.on('console', (m) => { if (m.type() === 'error' && !m.location().url.endsWith('/favicon.ico')) seen.complaints.push(m.text()); });
    for (const stop of stops) {
      await page.route(`${stop}**`, (route) => {
        seen.last = route.request().url();
        return route.fulfill({ contentType: 'text/html', body: '<!doctype html><html lang="en"><title>End</title>' });
      });
    }
    pages.set(id, seen);
    const res = await page.goto(address);
    return { status: res.status() };
  },

  // look says what the page is like, and what axe-core finds against WCAG 2.2 AA.
  async look({ id }) {
    const { page, complaints } = pages.get(id);
    await page.evaluate(axe);
    return await page.evaluate(async (complaints) => {
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
      const { violations, incomplete, passes } = await window.axe.run(document, { runOnly: { type: 'tag', values: tags } });
      const words = (found) => found.map((f) => `${f.id}: ${f.help}: ${f.nodes.map((n) => n.html).join(' ').slice(0, 500)}`);
      return {
        barriers: words(violations), unsure: words(incomplete), passes: passes.length, complaints,
        language: document.documentElement.lang, title: document.title, address: location.href,
        wide: document.documentElement.scrollWidth > window.innerWidth,
        text: document.body.innerText, state: document.getElementById('state')?.textContent ?? '',
        ways: document.getElementById('ways')?.hidden === false, digital: document.getElementById('browser')?.hidden === false,
      };
    }, complaints);
  },

  // reach moves on with the tabulator key until an element has the focus, and
  // says whether it can be seen there.
  async reach({ id, selector }) {
    const { page } = pages.get(id);
    for (let n = 1; n <= 30; n += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate((s) => {
        const e = document.activeElement;
        if (!e?.matches(s)) return null;
        const style = getComputedStyle(e);
        return { visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 };
      }, selector);
      if (at) return { ...at, keys: n };
    }
    throw new Error(`${selector} is not reached by keyboard`);
  },

  // link is what the page offers to copy.
  async link({ id }) {
    return { link: await pages.get(id).page.inputValue('#link') };
  },

  async key({ id, key }) {
    await pages.get(id).page.keyboard.press(key);
    return {};
  },

  async click({ id, selector }) {
    await pages.get(id).page.click(selector);
    return {};
  },

  // comes waits until the page has an element.
  async comes({ id, selector }) {
    await pages.get(id).page.waitForSelector(selector);
    return {};
  },

  // ended waits until the browser has come to one of the stops.
  async ended({ id }) {
    const seen = pages.get(id);
    for (const until = Date.now() + limit; !seen.last; ) {
      if (Date.now() > until) throw new Error(`the browser stays at ${seen.page.url()}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return { address: seen.last };
  },

  // says waits until the line about the state is another one than before.
  async says({ id, before }) {
    const { page } = pages.get(id);
    const state = await page.waitForFunction((was) => {
      const text = document.getElementById('state')?.textContent;
      return text && text !== was ? text : null;
    }, before);
    return { state: await state.jsonValue() };
  },

  async asked({ id }) {
    const asked = await pages.get(id).page.waitForFunction(() => window.asked);
    return { asked: await asked.jsonValue() };
  },

  async answer({ id, response }) {
    await pages.get(id).page.evaluate((r) => { window.answer(r); }, response ?? null);
    return {};
  },

  // lose answers the page's own requests as a server that forgot it does.
  async lose({ id }) {
    await pages.get(id).page.route('**/state', (route) => route.fulfill({ status: 404, body: '{}' }));
    return {};
  },
};

// within fails for what takes too long, such as a script that waits in a page
// where none may run.
function within(order, work) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${order} takes too long`)), 2 * limit); });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await within(order, orders[order](rest));
  } catch (err) {
    answer = { message: String(err?.message ?? err) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
process.exit(0);
