'use strict';
// npm's `ws`.

const WebSocket = require('ws');
const { drive } = require('./driver.js');

function open(url, on) {
  const ws = new WebSocket(url);
  ws.on('open', on.open);
  ws.on('message', (data, isBinary) => (isBinary ? on.binary(data.toString('hex')) : on.text(data.toString())));
  ws.on('pong', (data) => on.pong(data.toString('hex')));
  ws.on('close', (code, reason) => on.close(code, reason.toString()));
  ws.on('error', (error) => on.error(error.message));
  return {
    text: (text) => ws.send(text),
    binary: (hex) => ws.send(Buffer.from(hex, 'hex')),
    ping: (hex) => ws.ping(Buffer.from(hex, 'hex')),
    close: (code, reason) => ws.close(code, reason),
  };
}

drive({ open });
