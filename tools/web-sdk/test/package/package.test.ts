import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
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

describe('the types by the rules of attw', () => {
  it('are found by each way of resolution, and are what they say', async () => {
    const found = await checkPackage(createPackageFromTarballData(readFileSync(installed.tarball)))
    expect(found).toMatchObject({ types: { kind: 'included' }, problems: [] })
  })
})

describe('in Node the source', () => {
  it('is to be read where an error shows it', async () => {
    const { stderr } = await installed.run('throws.mjs', `import { IMClient } from 'tidegate'; new IMClient({ url: 'x', WebSocket: class {} })`)
    expect(stderr).toContain(`throw new TypeError("url must be ws:, wss:, http: or https:")`)
    expect(stderr).toMatch(/at checkOptions \(.*node\.js:\d+:\d+\)\n.*at createSession/)
  })
})
