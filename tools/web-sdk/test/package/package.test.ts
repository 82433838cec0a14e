import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Installed, SOURCE } from './installed.js'

const BUDGET = 5_000 // bytes, minified and gzipped
const NAMES = [
  'Ack', 'IMClient', 'IMError', 'PING', 'PONG', 'State', 'TEXT',
  'decodePacket', 'decodeText', 'doLogin', 'encodePacket', 'sleep',
]

let installed: Installed

beforeAll(() => {
  installed = new Installed()
  for (const name of ['ws', '@types']) {
    installed.link(name)
  }
})

afterAll(() => installed?.remove())

describe('the tarball', () => {
  it('holds the bundles, the types and the papers, and nothing else', () => {
    const others = installed.files.filter((path) => !/^dist\/types(-cjs)?\/\w+\.d\.ts$/.test(path))
    expect(others.sort()).toEqual(
      [
        'LICENSE', 'README.md', 'dist/node.cjs', 'dist/node.js', 'dist/tidegate.cjs', 'dist/tidegate.js',
        'dist/types-cjs/package.json', 'package.json',
      ],
    )
  })

  it('needs no other package', () => {
    const manifest = JSON.parse(readFileSync(join(installed.dir, 'node_modules/tidegate/package.json'), 'utf8'))
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('peerDependencies')
    expect(manifest).not.toHaveProperty('optionalDependencies')
  })
})

describe('the size', () => {
  it(`is at most ${BUDGET} bytes, gzipped`, () => {
    const { length } = gzipSync(readFileSync(join(SOURCE, 'dist/tidegate.js')), { level: 9 })
    console.log(`tidegate.js: ${length} bytes`)
    expect(length).toBeLessThanOrEqual(BUDGET)
  })

  it('is that of what a bundler for browsers takes, too', async () => {
    const entry = installed.write('page.mjs', `export * from 'tidegate'`)
    const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format: 'esm', platform: 'browser', write: false })
    expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length).toBeLessThanOrEqual(BUDGET)
  })

  it('of an import that uses nothing is nothing', async () => {
    const entry = installed.write('unused.mjs', `import { IMClient } from 'tidegate'`)
    const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format: 'esm', write: false })
    expect(outputFiles[0]!.text.trim()).toBe('')
  })
})

describe('an import', () => {
  const load = {
    'esm.mjs': `const names = Object.keys(await import('tidegate'))`,
    'cjs.cjs': `const names = Object.keys(require('tidegate'))`,
  }

  test.each(Object.entries(load))('gives all names: %s', async (name, text) => {
    const { code, stdout, stderr } = await installed.run(name, `${text}; console.log(JSON.stringify(names.sort()))`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual(NAMES)
  })

  test.each(Object.entries(load))('does nothing (fault 17): %s', async (name, text) => {
    const { code, stdout, stderr } = await installed.run(
      name,
      `const calls = []
      for (const name of ['setTimeout', 'setInterval', 'queueMicrotask', 'fetch', 'WebSocket', 'addEventListener']) {
        globalThis[name] = function () { calls.push(name) }
      }
      const before = new Set(Reflect.ownKeys(globalThis))
      ${text}
      const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String)
      console.log(JSON.stringify({ calls, added, names: names.length }))`,
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({ calls: [], added: [], names: NAMES.length })
  })
})

describe('the types', () => {
  const uses = `
    import { Ack, IMClient, IMError, State, decodePacket, encodePacket, PING } from 'tidegate'
    import type { ClientOptions, ClientEvents, LoginResult, Message, Packet, Stats } from 'tidegate'
    const options: ClientOptions = { url: 'ws://h', user: 'u', queue: { ttlMs: 1 }, reconnect: { maxAttempts: Infinity } }
    export const c = new IMClient(options)
    export async function use(): Promise<void> {
      const { status, error }: LoginResult = await c.login()
      if (status !== Ack.Success && error instanceof IMError && error.code === 'kicked') return
      const off: () => void = c.on('message', ({ from, text }: Message) => [from?.length, text.length])
      c.once('closed', ({ reason, code }) => { const known: 'logout' extends typeof reason ? number | undefined : never = code; void known })
      c.on('state', ({ from, to }: ClientEvents['state']) => from === State.INIT && to === State.CONNECTING)
      off()
      await c.sendText('x')
      const stats: Stats = c.stats
      const packet: Packet | undefined = decodePacket(encodePacket(PING))
      void stats.bytes.sent; void packet?.payload.length
      // @ts-expect-error: there is no such event
      c.on('opened', () => {})
      // @ts-expect-error: state is read only
      c.state = State.INIT
      // @ts-expect-error: a user is needed
      new IMClient({ url: 'ws://h' })
    }`
  const page = `${uses}
    new IMClient({ url: 'ws://h', user: 'u', WebSocket, logger: console })
    void c.login({ signal: AbortSignal.timeout(1) })`
  const node = `${uses}
    import { WebSocket } from 'ws'
    new IMClient({ url: 'ws://h', user: 'u', WebSocket, logger: console })
    new IMClient('ws://h', 'u', { WebSocket })
    void c.login({ signal: AbortSignal.timeout(1) })`

  test.each([
    ['bare', uses, ['es2022'], []],
    ['page', page, ['es2022', 'dom'], []],
    ['node', node, ['es2022'], ['node']],
  ])('resolve in ESM and in CJS: %s', async (name, text, lib, types) => {
    const files = ['mts', 'cts'].map((kind) => installed.write(`${name}.${kind}`, text))
    const compilerOptions = { module: 'node16', strict: true, noEmit: true, target: 'es2022', lib, types }
    const project = installed.write(`tsconfig.${name}.json`, JSON.stringify({ compilerOptions, files }))
    const tsc = join(SOURCE, 'node_modules/typescript/bin/tsc')
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [tsc, '-p', project], { cwd: installed.dir }, (_error, stdout) => resolve(stdout))
    })
    expect(output).toBe('')
  })
})

/* Logs in, talks, logs out, and tells what then still holds the process and how long it lived on. */
const SESSION = `
const client = new IMClient({ url: process.argv[2], user: 'a b', queue: {}, ...more })
const heard = new Promise((resolve) => client.once('message', resolve))
const { status } = await client.login()
await client.sendText('hello')
const { from, text } = await heard
await client.logout()
const done = performance.now()
const held = process.getActiveResourcesInfo().filter((kind) => !/^(Pipe|TTY|FSReq)/.test(kind))
process.on('exit', () => console.log(JSON.stringify({ status, from, text, held, ms: performance.now() - done })))`

/* Logs out of a line that has been swallowed. */
const SWALLOWED = `
const client = new IMClient({ url: process.argv[2], user: 'swallow', closeTimeoutMs: 200, ...more })
const { status } = await client.login()
const closed = new Promise((resolve) => client.once('closed', resolve))
await client.logout()
const done = performance.now()
const { reason, code } = await closed
process.on('exit', () => console.log(JSON.stringify({ status, reason, code, ms: performance.now() - done })))`

const withWs = `import { WebSocket } from 'ws'; const more = { WebSocket };`
const major = Number(process.versions.node.split('.')[0])
const without = major >= 22 ? ['--no-experimental-websocket'] : []
const own = major >= 22 ? [] : ['--experimental-websocket'] // Node 20 has that of Node 22 behind a flag

describe('in Node', () => {
  let server: WebSocketServer
  let url: string

  beforeAll(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await new Promise((resolve) => server.once('listening', resolve))
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket, { url }) => {
      const user = decodeURIComponent(/[?&]user=([^&]*)/.exec(url!)![1]!)
      socket.on('message', (data, isBinary) =>
        isBinary ? socket.send(Buffer.from([0, 101, 0, 0, 0, 0])) : socket.send(`${data} -- FROM ${user}`),
      )
      if (user === 'swallow') {
        socket.once('message', () => socket.pause()) // what comes is neither read nor answered any more
      }
    })
  })

  afterAll(async () => {
    server.clients.forEach((socket) => socket.terminate())
    await new Promise((resolve) => server.close(resolve))
  })

  /* Until it has ended within 100 ms of its logout. A loaded machine may take its time, but not each time. */
  async function run(file: string, text: string, options: string[]): Promise<object> {
    for (let tries = 1; ; tries++) {
      const { code, stdout, stderr } = await installed.run(file, text, options, url)
      expect({ code, errors: stderr.replace(/^.*ExperimentalWarning.*\n.*trace-warnings.*\n/gm, '') }).toEqual({ code: 0, errors: '' })
      const { ms, ...session } = JSON.parse(stdout) as { ms: number }
      // A short-lived Node 20 waits for the WebAssembly of its own WebSocket to be compiled.
      if (ms < (options === own && major < 22 ? 5_000 : 100)) {
        return session
      }
      expect(tries, `it lived on for ${ms} ms`).toBeLessThan(3)
    }
  }

  test.each([
    ['without a WebSocket of its own, with ws, ESM', 'ws.mjs', `import { IMClient } from 'tidegate'; ${withWs} ${SESSION}`, without],
    ['with its own WebSocket, ESM', 'own.mjs', `import { IMClient } from 'tidegate'; const more = {}; ${SESSION}`, own],
    [
      'with ws, CJS',
      'ws.cjs',
      `const { IMClient } = require('tidegate'); const more = { WebSocket: require('ws') }; (async () => { ${SESSION} })()`,
      without,
    ],
  ])('it works, and ends within 100 ms of the logout (fault 15): %s', async (_name, file, text, options) => {
    expect(await run(file, text, options)).toEqual({ status: 'Success', from: 'a b', text: 'hello', held: [] })
  })

  test.each([
    ['ws', 'swallowed-ws.mjs', `import { IMClient } from 'tidegate'; ${withWs} ${SWALLOWED}`, without],
    ['its own WebSocket, ESM', 'swallowed.mjs', `import { IMClient } from 'tidegate'; const more = {}; ${SWALLOWED}`, own],
    [
      'its own WebSocket, CJS',
      'swallowed.cjs',
      `const { IMClient } = require('tidegate'); const more = {}; (async () => { ${SWALLOWED} })()`,
      own,
    ],
  ])('it ends as soon when the network has swallowed the line (fault 15): with %s', async (_name, file, text, options) => {
    expect(await run(file, text, options)).toEqual({ status: 'Success', reason: 'logout' })
  })

  it('fails the login, with advice, where there is no WebSocket', async () => {
    const { stdout } = await installed.run(
      'none.mjs',
      `import { IMClient } from 'tidegate'
      const { status, error } = await new IMClient({ url: 'ws://h', user: 'u' }).login()
      console.log(status, error.code, error.cause.message)`,
      without,
    )
    expect(stdout.trim()).toBe('LoginFailed network no WebSocket here: give one as an option')
  })
})
