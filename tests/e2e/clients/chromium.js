'use strict';
// Headless Chromium's own WebSocket, in one page of a fresh profile.

const http = require('node:http');
const { chromium } = require('playwright-core');
const { drive } = require('./driver.js');

// Runs in the page.
function prepare() {
  const sockets = new Map();
  const toHex = (buffer) =>
    Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const fromHex = (hex) => new Uint8Array((hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16)));
  window.open_ = (id, url) => {
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => window.emit(id, 'open');
    ws.onmessage = ({ data }) =>
      typeof data === 'string' ? window.emit(id, 'text', data) : window.emit(id, 'binary', toHex(data));
    ws.onclose = ({ code, reason }) => window.emit(id, 'close', code, reason);
    ws.onerror = () => window.emit(id, 'error', 'the browser does not say');
    sockets.set(id, ws);
  };
  window.text_ = (id, text) => sockets.get(id).send(text);
  window.binary_ = (id, hex) => sockets.get(id).send(fromHex(hex));
  window.close_ = (id, code, reason) => sockets.get(id).close(code, reason);
}

// A page that has an origin, as those have that people write clients for.
function servePage() {
  const server = http.createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<!doctype html><title>client</title>');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

// A certificate's, as nobody has signed those of tests.
const trusted = process.env.TRUSTED_KEY
  ? [`--ignore-certificate-errors-spki-list=${process.env.TRUSTED_KEY}`]
  : [];

async function main() {
  const server = await servePage();
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...trusted,
    ],
  });
  const page = await browser.newPage();
  const listeners = new Map();
  await page.exposeFunction('emit', (id, event, ...values) => listeners.get(id)[event](...values));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(prepare);
  const run = (name) => (id, ...values) =>
    page.evaluate(([called, ...given]) => window[called](...given), [name, id, ...values]);

  drive({
    async open(url, on, id) {
      listeners.set(id, on);
      await run('open_')(id, url);
      return {
        text: (text) => run('text_')(id, text),
        binary: (hex) => run('binary_')(id, hex),
        close: (code, reason) => run('close_')(id, code, reason),
      };
    },
    async end() {
      await browser.close();
      server.close();
    },
  });
}

main();
