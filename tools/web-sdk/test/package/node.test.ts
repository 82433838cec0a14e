/* The package in each Node it is for: it works, tells why it does not, and holds no process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Installed } from './installed.js'
import { checkNodes, NODES, type NodeProgram } from './nodes.js'

/* Logs in, talks, logs out. */
const SESSION = `
const client = new IMClient({ url: process.argv[2], user: 'a b', queue: {}, ...more })
const heard = new Promise((resolve) => client.once('message', resolve))
const { status } = await client.login()
await client.sendText('hello')
const { from, text } = await heard
await client.logout()
told = { status, from, text }`

/* Logs out of a line that has been swallowed. */
const SWALLOWED = `
const client = new IMClient({ url: process.argv[2], user: 'swallow', closeTimeoutMs: 200, ...more })
const { status } = await client.login()
await client.logout()
told = { status }`

/* Logs in where nobody answers. */
const UNANSWERED = `
const client = new IMClient({ url: process.argv[2], user: 'u', connectTimeoutMs: 300, ...more })
const { status } = await client.login()
told = { status }`

/* Logs out while nobody has answered. */
const LEFT = `
const client = new IMClient({ url: process.argv[2], user: 'u', ...more })
const login = client.login()
setTimeout(() => client.logout(), 100)
told = { code: (await login).error.code }`

/* What then still holds the process, and for how long. */
const program = (head: string, body: string) => `${head}
let told
const run = async () => {
  ${body}
  const done = performance.now()
  process.on('exit', () => console.log(JSON.stringify({ ...told, ms: performance.now() - done })))
}
run()`

const OWN_ESM = `import { IMClient } from 'tidegate'; const more = {};`
const OWN_CJS = `const { IMClient } = require('tidegate'); const more = {};`
const WS_ESM = `import { IMClient } from 'tidegate'; import { WebSocket } from 'ws'; const more = { WebSocket };`

let installed: Installed
let talker: WebSocketServer
let deaf: Server
let stopped: ChildProcess
let stoppedUrl: string
const waiting: Socket[] = []

const urlOf = (server: Server | WebSocketServer) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`

/* A server that is stopped while its queue of newcomers is full: what is sent to it is dropped, as by a network that
 * swallows it. */
async function stopServer(): Promise<void> {
  const text = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))`
  stopped = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(stopped.stdout!, 'data')) as [Buffer]
  stopped.kill('SIGSTOP')
  stoppedUrl = `ws://127.0.0.1:${Number(port)}`
  for (let i = 0; i < 8; i++) {
    waiting.push(connect(Number(port), '127.0.0.1').on('error', () => {}))
  }
  await once(waiting.at(-8)!, 'connect')
}

beforeAll(async () => {
  checkNodes()
  installed = new Installed()
  installed.link('ws')
  talker = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(talker, 'listening')
  talker.on('connection', (socket, { url }) => {
    const user = decodeURIComponent(/[?&]user=([^&]*)/.exec(url!)![1]!)
    socket.on('message', (data, isBinary) =>
      isBinary ? socket.send(Buffer.from([0, 101, 0, 0, 0, 0])) : socket.send(`${data} -- FROM ${user}`),
    )
    if (user === 'swallow') {
      socket.once('message', () => socket.pause()) // what comes is neither read nor answered any more
    }
  })
  deaf = createServer((socket) => waiting.push(socket.pause())).listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  await stopServer()
})

afterAll(async () => {
  installed?.remove()
  talker?.clients.forEach((socket) => socket.terminate())
  waiting.forEach((socket) => socket.destroy())
  talker?.close()
  deaf?.close()
  stopped?.kill('SIGKILL')
})

/* Until it has ended within 100 ms. A loaded machine may take its time, but not each time. */
async function run(node: NodeProgram, file: string, text: string, options: string[], url: string): Promise<object> {
  for (let tries = 1; ; tries++) {
    const name = `${node.major}-${file}`
    const { code, stdout, stderr } = await installed.run(name, text, options, [url], node.path)
    expect({ code, errors: stderr.replace(/^.*ExperimentalWarning.*\n.*trace-warnings.*\n/gm, '') }).toEqual({ code: 0, errors: '' })
    const { ms, ...told } = JSON.parse(stdout) as { ms: number }
    // A short-lived Node 20 waits for the WebAssembly of its own WebSocket to be compiled.
    if (ms < (options.includes('--experimental-websocket') ? 5_000 : 100)) {
      return told
    }
    expect(tries, `it lived on for ${ms} ms`).toBeLessThan(10)
  }
}

describe.concurrent.each(NODES.map((node) => [node.major, node] as const))('Node %d', (major, node) => {
  const own = ['its own WebSocket', 'own.mjs', OWN_ESM, node.withOwn] as const
  const ws = ['ws', 'ws.mjs', WS_ESM, node.withoutOwn] as const
  const sockets = major === 20 ? [own, ws] : [own] // those after 20 need no ws

  test.each([...sockets, ['its own WebSocket, CJS', 'own.cjs', OWN_CJS, node.withOwn] as const])(
    'works, and ends within 100 ms of the logout (fault 15): with %s',
    async (_with, file, head, options) => {
      const told = await run(node, file, program(head, SESSION), options, urlOf(talker))
      expect(told).toEqual({ status: 'Success', from: 'a b', text: 'hello' })
    },
  )

  test.each(sockets)(
    'ends as soon where the gateway is deaf or stopped (fault 15): with %s',
    async (_with, file, head, options) => {
      const tries = [
        ['swallowed', SWALLOWED, urlOf(talker), { status: 'Success' }],
        ['deaf', UNANSWERED, urlOf(deaf), { status: 'Timeout' }],
        ['left', LEFT, urlOf(deaf), { code: 'aborted' }],
        ['stopped', UNANSWERED, stoppedUrl, { status: 'Timeout' }],
      ] as const
      for (const [name, body, url, told] of tries) {
        expect(await run(node, `${name}-${file}`, program(head, body), options, url)).toEqual(told)
      }
    },
  )

  test.each(sockets)('says why a dial failed: with %s', async (_with, file, head, options) => {
    const body = `
      const { error } = await new IMClient({ url: process.argv[2], user: 'u', ...more }).login()
      told = { message: error.message, code: error.cause.code }`
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    expect(await run(node, `refused-${file}`, program(head, body), options, `ws://127.0.0.1:${port}`)).toEqual({
      message: `close 1006: connect ECONNREFUSED 127.0.0.1:${port}`,
      code: 'ECONNREFUSED',
    })
  })

  it('says what to do where there is no WebSocket', async () => {
    const text = `${OWN_ESM} new IMClient({ url: 'ws://h', user: 'u' })`
    const { stderr } = await installed.run(`none-${node.major}.mjs`, text, node.withoutOwn, [], node.path)
    expect(stderr).toContain('IMError: no WebSocket here: set globalThis.WebSocket, or the option WebSocket')
  })
})
