'use strict';
// Pages of headless Chromium, driven by lines of JSON: one command, one answer.
//
//   {"id": 1, "op": "open", "options": {...}}                         {"id": 1, "result": 7}      the page's number
//   {"id": 2, "op": "do", "page": 7, "name": "click", "values": [..]} {"id": 2, "result": ...}    a method of Playwright's
//   {"id": 3, "op": "press", "page": 7, "key": "Tab"}
//   {"id": 4, "op": "axe", "page": 7}                                 the violations that axe-core finds
//   {"id": 5, "op": "log", "page": 7}                                 console errors, CSP violations, requests
//   {"id": 6, "op": "close", "page": 7}                               {"id": 6, "error": "..."}   where it fails

const readline = require('node:readline');
const axe = require('axe-core');
const { chromium } = require('playwright-core');

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const pages = new Map();
let browser;

async function open({ options, timeout }) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const log = { errors: [], violations: [], requests: [] };
  page.setDefaultTimeout(timeout);
  await page.exposeFunction('reportViolation', (text) => log.violations.push(text));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      window.reportViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
    });
  });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      log.errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => log.errors.push(String(error)));
  page.on('request', (request) => log.requests.push(request.url()));
  page.on('websocket', (socket) => log.requests.push(socket.url()));
  const number = pages.size + 1;
  pages.set(number, { page, context, log });
  return number;
}

async function runAxe(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] }),
    RULES,
  );
  return violations.map(({ id, help, nodes }) => ({
    id,
    help,
    nodes: nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`),
  }));
}

// Only what is data: responses, handles and pictures are no business of the other side.
async function runMethod({ page, name, values }) {
  const result = await pages.get(page).page[name](...values);
  return ['evaluate', 'innerText', 'getAttribute'].includes(name) ? result : null;
}

const operations = {
  open,
  do: runMethod,
  press: ({ page, key }) => pages.get(page).page.keyboard.press(key),
  axe: ({ page }) => runAxe(pages.get(page).page),
  log: ({ page }) => pages.get(page).log,
  close: ({ page }) => pages.get(page).context.close(),
};

async function obey({ id, op, ...command }) {
  try {
    const result = await operations[op](command);
    process.stdout.write(JSON.stringify({ id, result: result ?? null }) + '\n');
  } catch (error) {
    process.stdout.write(JSON.stringify({ id, error: String(error) }) + '\n');
  }
}

async function main() {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
  let queue = Promise.resolve();
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    queue = queue.then(() => obey(JSON.parse(line)));
  });
  lines.on('close', () => queue.then(() => browser.close()).then(() => process.exit(0)));
}

main();
