// A peer for bench/compare on npm ws: echoes binary messages, says texts to everybody else.
//
//     node server.js PORT [CERTIFICATE KEY]
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { WebSocketServer } from "ws";

const MAX_MESSAGE = 65536;
const BACKLOG = 65535;

const [port, certificate, key] = process.argv.slice(2);
const refuse = (request, response) => response.writeHead(426).end();
const http = certificate
	? createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key), minVersion: "TLSv1.3" }, refuse)
	: createServer(refuse);
const server = new WebSocketServer({ server: http, perMessageDeflate: false, maxPayload: MAX_MESSAGE });

server.on("connection", (socket, request) => {
	const user = new URL(request.url, "ws://localhost").searchParams.get("user") ?? "";
	const suffix = Buffer.from(` -- FROM ${user}`);
	socket.on("error", () => socket.terminate());
	socket.on("message", (data, isBinary) => {
		if (isBinary) {
			socket.send(data);
			return;
		}
		const text = Buffer.concat([data, suffix]);
		for (const other of server.clients) {
			if (other !== socket) {
				other.send(text, { binary: false });
			}
		}
	});
});

http.listen({ host: "127.0.0.1", port: Number(port), backlog: BACKLOG });
