// The tutorial's demonstrations, each a process of its own, by the lines they print.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { afterEach, describe, expect, it } from 'vitest'

import { again, gateway } from './client.js'
import { until } from './until.js'

const RUN = fileURLToPath(new URL('../../example/run.js', import.meta.url))

const running: ChildProcess[] = []

afterEach(() => {
  for (const child of running.splice(0)) {
    child.kill('SIGKILL')
  }
})

class Demo {
  readonly lines: string[] = []
  exit: number | null | undefined

  constructor(name: string, url: string) {
    const child = spawn(process.execPath, [RUN, name, url, 'ccc'], { stdio: ['ignore', 'pipe', 'pipe'] })
    running.push(child)
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line))
    }
    child.once('close', (code) => (this.exit = code))
  }

  /** Waits for each of these lines, in this order, others between them. */
  async prints(...wanted: (string | RegExp)[]): Promise<void> {
    let from = 0
    for (const line of wanted) {
      const find = () =>
        this.lines.findIndex(
          (had, i) => i >= from && (line instanceof RegExp ? line.test(had) : had === line),
        )
      try {
        await until(`the line ${line}`, () => find() >= 0, 40_000)
      } catch (error) {
        throw new Error(`${String(error)}; printed:\n${this.lines.join('\n')}`)
      }
      from = find() + 1
    }
  }

  count(line: string): number {
    return this.lines.filter((had) => had === line).length
  }

  /** Nothing may hold the process back: no timer, no socket. */
  async ends(): Promise<void> {
    await until('the process has ended', () => this.exit !== undefined)
    expect(this.exit).toBe(0)
  }
}

describe('login and heartbeat', () => {
  it('prints what the tutorial prints', async () => {
    const server = await gateway()
    const demo = new Demo('index', server.url)
    await demo.prints(
      'websocket open - readyState: 1',
      'heartbeatLoop start',
      'client login return --  Success',
      '>>> send ping ; state is 2,',
      '<<<< received a message ; command:101 len: 0',
      '<<<< received a pong...',
      'Connection closing...',
      'event[onclose] fired',
      'connection closed due to logout',
    )
    await demo.ends()
    // One heartbeat each 10 s, and the demonstration lasts 15 s.
    expect(demo.count('>>> send ping ; state is 2,')).toBe(1)
    await expect.poll(() => server.logins('ccc').length).toBe(1)
    await expect.poll(() => server.open('ccc')).toBe(0)
  })

  it('says so when there is no server', async () => {
    const server = await gateway()
    await server.stop()
    const demo = new Demo('index', server.url)
    await demo.prints('client login return --  LoginFailed')
    expect(demo.count('heartbeatLoop start')).toBe(0)
  })
})

describe('reconnect', () => {
  it('finds the server that went away and came back', async () => {
    const server = await gateway()
    const demo = new Demo('reconnect', server.url)
    await demo.prints('now stop the server')
    await server.kill()
    await demo.prints('heartbeatLoop exited', /^attempt 1 comes in \d+ ms$/)
    await again(server)
    await demo.prints('try to relogin', 'back again ; state is 2,', 'the end: logout ; state is CLOSED,')
    await demo.ends()
  })

  it('gives up in the end when it stays away', async () => {
    const server = await gateway()
    const demo = new Demo('reconnect', server.url)
    await demo.prints('now stop the server')
    await server.stop()
    await demo.prints('try to relogin', 'connection closed due to reconnect timeout')
    await demo.ends()
    expect(demo.count('try to relogin')).toBe(5)
  })
})

describe('kicked', () => {
  it('leaves the newer login alone', async () => {
    const server = await gateway()
    const demo = new Demo('kicked', server.url)
    await demo.prints(
      'phone: logged in elsewhere',
      'phone: closed, kicked ; state is 5,',
      'laptop: still here ; state is 2,',
    )
    await demo.ends()
    expect(demo.count('try to relogin')).toBe(0)
    await expect.poll(() => server.logins('ccc').length).toBe(2)
  })
})
