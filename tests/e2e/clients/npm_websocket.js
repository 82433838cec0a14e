'use strict';
// npm's `websocket`, the package of the tutorial.

const { client: WebSocketClient } = require('websocket');
const { drive } = require('./driver.js');

function open(url, on) {
  const client = new WebSocketClient();
  let connection;
  client.on('connectFailed', (error) => {
    on.error(error.message);
    on.close(1006, '');
  });
  client.on('connect', (connected) => {
    connection = connected;
    connection.on('message', (message) =>
      message.type === 'binary' ? on.binary(message.binaryData.toString('hex')) : on.text(message.utf8Data));
    connection.on('pong', (data) => on.pong(data.toString('hex')));
    connection.on('close', (code, reason) => on.close(code, reason));
    connection.on('error', (error) => on.error(error.message));
    on.open();
  });
  client.connect(url);
  return {
    text: (text) => connection.sendUTF(text),
    binary: (hex) => connection.sendBytes(Buffer.from(hex, 'hex')),
    ping: (hex) => connection.ping(Buffer.from(hex, 'hex')),
    close: (code, reason) => connection.close(code, reason),
  };
}

drive({ open });
