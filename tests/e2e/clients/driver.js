'use strict';
// Drives a WebSocket library of others by lines of JSON: commands on standard input, events on
// standard output.
//
//   {"id": 1, "op": "open", "url": "ws://..."}     {"id": 1, "event": "open"}
//   {"id": 1, "op": "text", "text": "..."}         {"id": 1, "event": "text", "text": "..."}
//   {"id": 1, "op": "binary", "hex": "..."}        {"id": 1, "event": "binary", "hex": "..."}
//   {"id": 1, "op": "ping", "hex": "..."}          {"id": 1, "event": "pong", "hex": "..."}
//   {"id": 1, "op": "close", "code": 1000}         {"id": 1, "event": "close", "code": 1000, "reason": ""}
//                                                  {"id": 1, "event": "error", "message": "..."}
//
// A library is {open(url, on)}, on = {open, text, binary, pong, close, error}, and gives back what has
// {text, binary, ping, close}; each may be asynchronous. {"event": "ready"} comes first.

const readline = require('node:readline');

function write(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

function listener(id) {
  const emit = (event, fields) => write({ id, event, ...fields });
  return {
    open: () => emit('open'),
    text: (text) => emit('text', { text }),
    binary: (hex) => emit('binary', { hex }),
    pong: (hex) => emit('pong', { hex }),
    close: (code, reason) => emit('close', { code, reason }),
    error: (message) => emit('error', { message }),
  };
}

exports.drive = function drive(library) {
  const connections = new Map();

  async function obey({ id, op, ...command }) {
    if (op === 'open') {
      connections.set(id, await library.open(command.url, listener(id), id));
      return;
    }
    const connection = connections.get(id);
    const operations = {
      text: () => connection.text(command.text),
      binary: () => connection.binary(command.hex),
      ping: () => connection.ping(command.hex),
      close: () => connection.close(command.code, command.reason),
    };
    await operations[op]();
  }

  let queue = Promise.resolve();
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const command = JSON.parse(line);
    queue = queue
      .then(() => obey(command))
      .catch((error) => listener(command.id).error(String(error)));
  });
  lines.on('close', () => queue.then(() => library.end?.()).then(() => process.exit(0)));
  write({ event: 'ready' });
};
