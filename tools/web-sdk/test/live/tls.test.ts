// wss:// of the gateway itself, in a Node that trusts who signed its certificate, and in one that does not: a process
// each, as NODE_EXTRA_CA_CERTS is read when Node starts.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'

import type { Message } from '../../src/index.js'
import { client, gateway } from './client.js'
import { freePort } from './gateway.js'
import { until } from './until.js'

const IS_OWN = process.env['TIDEGATE_SDK_SOCKET'] === 'node'

/* Says hello, and goes when it is answered; prints what came of it. */
const PROGRAM = `
import { IMClient } from '../../src/index.js'
${IS_OWN ? 'const more = {}' : `import { WebSocket } from 'ws'; const more = { WebSocket }`}
const client = new IMClient({ url: process.argv[2], user: 'bob', ...more })
const run = async () => {
  const answered = new Promise((resolve) => client.once('message', resolve))
  const { status, error } = await client.login()
  if (error) {
    return { status, code: error.code, cause: error.cause?.code }
  }
  await client.sendText('hello ' + '中'.repeat(20_000))
  const { from, text } = await answered
  await client.logout()
  return { status, from, text: text.length }
}
run().then((told) => console.log(JSON.stringify(told)))`

const dir = mkdtempSync(join(tmpdir(), 'tidegate-tls-'))
const [chain, key, program] = ['chain.pem', 'key.pem', 'program.cjs'].map((name) => join(dir, name)) as [string, string, string]

beforeAll(async () => {
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gate
    -addext subjectAltName=DNS:localhost -keyout ${key} -out ${chain}`
  execFileSync('openssl', words.split(/\s+/), { stdio: 'ignore' })
  await build({
    stdin: { contents: PROGRAM, loader: 'ts', resolveDir: import.meta.dirname },
    bundle: true, format: 'cjs', platform: 'node', target: 'es2022', outfile: program, logLevel: 'error',
    external: ['bufferutil', 'utf-8-validate'],
  })
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** The gateway with a listener for TLS, and its URL for who is at home at `host`. */
async function secured(host: string) {
  const port = await freePort()
  const server = await gateway('--listen', `wss://127.0.0.1:${port}`, '--tls-cert', chain, '--tls-key', key)
  return { server, url: `wss://${host}:${port}` }
}

function run(url: string, extra: NodeJS.ProcessEnv): Promise<unknown> {
  const env = { ...process.env, ...extra }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--experimental-websocket', program, url], { env, timeout: 60_000 }, (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout)),
    )
  })
}

it('talks to who is trusted', async () => {
  const { server, url } = await secured('localhost')
  const alice = client(server, 'alice')
  await alice.client.login()
  const told = run(url, { NODE_EXTRA_CA_CERTS: chain })
  await until('alice hears bob', () => alice.messages.length === 1)
  const { from, text } = alice.messages[0] as Message
  expect({ from, text: text.length }).toEqual({ from: 'bob', text: 20_006 })
  await alice.client.sendText('and to you, ' + '中'.repeat(20_000))
  expect(await told).toEqual({ status: 'Success', from: 'alice', text: 20_012 })
})

it('tells who is not, and why', async () => {
  const { server, url } = await secured('localhost')
  expect(await run(url, { NODE_EXTRA_CA_CERTS: '' })).toMatchObject({
    code: 'network',
    cause: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  })
  expect(server.logins()).toEqual([])
})

it('and who is somebody else', async () => {
  const { server, url } = await secured('127.0.0.1')
  expect(await run(url, { NODE_EXTRA_CA_CERTS: chain })).toMatchObject({
    code: 'network',
    cause: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
  expect(server.logins()).toEqual([])
})
