'use strict';
// The tutorial's client in short, on the package it uses: log in, a heartbeat of packet 100, a read
// deadline, a simple reconnect, log out. Tells what happens by lines of JSON; the line `logout` on
// standard input logs it out.
//
//   node tutorial.js URL HEARTBEAT_MS READ_TIMEOUT_MS RECONNECT_MS

const readline = require('node:readline');
const { w3cwebsocket: WebSocket } = require('websocket');

const [url, ...times] = process.argv.slice(2);
const [heartbeatMs, readTimeoutMs, reconnectMs] = times.map(Number);
const PING = Uint8Array.from([0, 100, 0, 0, 0, 0]);

let state = 'INIT';
let connection;
let lastRead;
let timers = [];

function tell(event, fields = {}) {
  process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');
}

function every(ms, action) {
  timers.push(setInterval(action, ms));
}

function onMessage({ data }) {
  lastRead = Date.now();
  if (typeof data === 'string') {
    tell('text', { text: data });
  } else {
    tell('packet', { hex: Buffer.from(data).toString('hex') });
  }
}

function onClose({ code, reason }) {
  timers.forEach(clearInterval);
  timers = [];
  tell('closed', { code, reason });
  if (state === 'CLOSING') {
    tell('logout');
    process.exit(0);
  }
  state = 'RECONNECTING';
  setTimeout(login, reconnectMs);
}

function login() {
  const ws = new WebSocket(url);
  connection = ws;
  ws.binaryType = 'arraybuffer';
  ws.onmessage = onMessage;
  ws.onclose = onClose;
  ws.onerror = () => tell('error');
  ws.onopen = () => {
    state = 'CONNECTED';
    lastRead = Date.now();
    tell('login');
    every(heartbeatMs, () => ws.send(PING));
    every(100, () => Date.now() - lastRead > readTimeoutMs && ws.close());
  };
}

readline.createInterface({ input: process.stdin }).on('line', () => {
  state = 'CLOSING';
  connection.close(1000, 'logout');
});
login();
