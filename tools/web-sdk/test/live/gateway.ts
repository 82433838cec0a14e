// The real gateway, as a child process: started on a port of its own, watched by its log, stopped.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

import { TIMEOUT_MS, until } from './until.js'

const HOST = '127.0.0.1'
const PORTS = { first: 10_000, count: 20_000 } // below those that the kernel gives to clients

/** What the environment variable TIDEGATE names, else the release build. */
export function binary(): string {
  const path = resolve(
    process.env['TIDEGATE'] ?? resolve(import.meta.dirname, '../../../../build/release/server/tidegate'),
  )
  if (!existsSync(path)) {
    throw new Error(`there is no gateway at ${path}: build one, or name it in TIDEGATE`)
  }
  return path
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  try {
    probe.listen(port, HOST)
    await once(probe, 'listening')
    return (probe.address() as AddressInfo).port === port
  } catch {
    return false
  } finally {
    probe.close()
  }
}

/** A port that nobody listens on and no client gets by chance, so that a gateway can come back to it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    if (await isFree(port)) {
      return port
    }
  }
}

/** A user's name as the log has it: in quotes unless it is one plain word. */
function shown(user: string): string {
  return /^[\w./@^+-]+$/.test(user) ? user : JSON.stringify(user)
}

function nameOf(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text
}

export interface Login {
  user: string
  /** Of the client, as the gateway sees it. */
  port: number
}

export class Gateway {
  readonly port: number
  /** All that has been logged, oldest first. */
  readonly lines: string[] = []
  readonly #options: readonly string[]
  readonly #child: ChildProcess
  #exit: { code: number | null; signal: string | null } | undefined

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.#options = options
    const log = ['--log-level', 'debug', '--log-sessions', 'yes'] // tests wait for the lines of logins and ends
    const words = ['--listen', `${HOST}:${port}`, ...log, '--workers', '2', ...options]
    this.#child = spawn(binary(), words, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) {
        createInterface({ input: stream }).on('line', (line) => this.lines.push(line))
      }
    }
    // 'close' comes after the last line, 'exit' may come before it.
    this.#child.once('close', (code, signal) => {
      this.#exit = { code, signal }
    })
  }

  /** Options are the gateway's own; unless told otherwise it drains at once. Resolves when it accepts. */
  static async start(options: readonly string[] = [], port?: number): Promise<Gateway> {
    const drain = options.includes('--drain') ? [] : ['--drain', '0']
    const gateway = new Gateway(port ?? (await freePort()), [...drain, ...options])
    await gateway.logged(/\bstarted\b/)
    return gateway
  }

  /** Another one on the same port with the same options; this one must have ended. */
  again(options: readonly string[] = this.#options): Promise<Gateway> {
    return Gateway.start(options, this.port)
  }

  get url(): string {
    return `ws://${HOST}:${this.port}`
  }

  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line))
  }

  /** Waits until `pattern` has been logged `count` times. */
  async logged(pattern: RegExp, count = 1, timeoutMs?: number): Promise<void> {
    const seen = () => this.matching(pattern).length
    try {
      await until(
        `${pattern} logged ${count} times`,
        () => {
          if (this.#exit && seen() < count) {
            throw new Error(`the gateway has ended: ${JSON.stringify(this.#exit)}`)
          }
          return seen() >= count
        },
        timeoutMs,
      )
    } catch (error) {
      throw new Error(`${String(error)}; the log:\n${this.lines.slice(-40).join('\n')}`)
    }
  }

  /** The logins so far, oldest first. */
  logins(user?: string): Login[] {
    return this.lines
      .map((line) => /user (.*) in from .*:(\d+) conn=/.exec(line))
      .flatMap((match) => (match ? [{ user: nameOf(match[1] ?? ''), port: Number(match[2]) }] : []))
      .filter((login) => user === undefined || login.user === user)
  }

  /** Heartbeats (packets 100) that came from `user` so far. */
  pings(user: string): number {
    return this.lines.filter((line) => line.includes(`recv message [0 100 0 0 0 0] from ${shown(user)} `)).length
  }

  /** How many of `user`'s connections are open, as the gateway sees it. */
  open(user: string): number {
    const ended = this.lines.filter((line) => line.includes(`user ${shown(user)} out: `)).length
    return this.logins(user).length - ended
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Waits for the end; gives the exit code, null after a signal. */
  async ended(): Promise<number | null> {
    await until('the gateway has ended', () => this.#exit !== undefined, 2 * TIMEOUT_MS)
    return this.#exit?.code ?? null
  }

  /** The end of a test: drains, and the end must be clean. Does nothing where it has ended before. */
  async stop(): Promise<void> {
    if (this.#exit) {
      return
    }
    this.signal('SIGTERM')
    const code = await this.ended()
    const faults = this.matching(/Sanitizer|runtime error:|tidegate: bug:/)
    if (code !== 0 || faults.length > 0) {
      throw new Error(`the gateway ended with ${code}; the log:\n${this.lines.slice(-60).join('\n')}`)
    }
  }

  /** As after a crash of the machine: no drain, no Close. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
  }
}
