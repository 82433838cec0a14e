// README.md's program of `tidegate/v1`, as it stands but for the gateway's address.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import { WebSocket as NodeWebSocket } from 'ws'
import { afterEach, expect, it } from 'vitest'

import { IMClient, type ClientOptions } from '../../src/v1.js'
import { block } from '../readme.js'
import { gateway } from './client.js'
import { until } from './until.js'

const ADDRESS = 'ws://localhost:8000/'

const dir = mkdtempSync(join(tmpdir(), 'tidegate-readme-'))
let running: ChildProcess | undefined
let bob: IMClient | undefined

afterEach(async () => {
  running?.kill('SIGKILL')
  await bob?.logout()
  rmSync(dir, { recursive: true, force: true })
})

it('talks to a user and in a room', async () => {
  const server = await gateway()
  const program = block(`from 'tidegate/v1'`)
  expect(program).toContain(ADDRESS)
  const outfile = join(dir, 'program.mjs')
  await build({
    stdin: { contents: program.replace(ADDRESS, server.url), loader: 'ts' },
    bundle: true, format: 'esm', platform: 'node', target: 'es2022', outfile,
    alias: { 'tidegate/v1': fileURLToPath(new URL('../../src/v1.ts', import.meta.url)) },
  })
  const WebSocket = NodeWebSocket as unknown as NonNullable<ClientOptions['WebSocket']>
  bob = new IMClient({ url: server.url, user: 'bob', WebSocket })
  const heard: string[] = []
  const changes: string[] = []
  await bob.login()
  const lobby = bob.room('lobby')
  bob.on('direct', ({ from, text }) => {
    heard.push(`${from}: ${text}`)
    void bob!.say('@alice', 'and to you')
  })
  lobby.on('message', ({ from, text }) => {
    heard.push(`${from}: ${text}`)
    void bob!.say('@alice', 'good evening, alice')
  })
  lobby.on('members', ({ user, change }) => changes.push(`${user} ${change}`))
  await lobby.join()

  const printed: string[] = []
  running = spawn(process.execPath, ['--experimental-websocket', outfile], { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: running.stdout! }).on('line', (line) => printed.push(line))
  await until('alice has gone from the lobby', () => changes.includes('alice went'))
  await until('alice has all', () => printed.length === 4)
  expect(heard).toEqual(['alice: hello', 'alice: good evening'])
  expect(changes).toEqual(['alice came', 'alice went'])
  expect(printed.sort()).toEqual([
    "[ 'alice', 'bob' ]",
    'bob to @alice: and to you',
    'bob to @alice: good evening, alice',
    'done 1',
  ])
  expect(running.exitCode).toBeNull()
})
