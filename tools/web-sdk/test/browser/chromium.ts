// Debian's Chromium, driven by the DevTools protocol over a pipe. Tools that drive browsers keep every
// page visible and awake; here a page is hidden when another one comes to the front, its timers are
// throttled, and the back/forward cache works, as with people.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

import { until } from '../live/until.js'

export const EXECUTABLE = '/usr/bin/chromium'

/** Nothing here changes how pages, timers or sockets behave. */
export const FLAGS = [
  '--no-sandbox', // the tests run as root
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
]

type Params = Record<string, unknown>

interface Reply {
  id?: number
  method?: string
  params?: Params
  sessionId?: string
  result?: Params
  error?: { message: string }
}

interface Waiting {
  resolve(result: Params): void
  reject(error: Error): void
}

export class Chromium {
  readonly #child: ChildProcess
  readonly #profile: string
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #unread = ''
  #ended = false

  private constructor(profile: string, flags: readonly string[]) {
    this.#profile = profile
    const words = [
      '--headless=new',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      ...FLAGS,
      ...flags,
    ]
    // Descriptors 3 and 4 are where Chromium reads commands and writes answers.
    this.#child = spawn(EXECUTABLE, [...words, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    const answers = this.#child.stdio[4] as Readable
    answers.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#child.once('exit', () => this.#fail())
  }

  static async launch(flags: readonly string[] = []): Promise<Chromium> {
    const chromium = new Chromium(mkdtempSync(join(tmpdir(), 'tidegate-chromium-')), flags)
    await chromium.send('Browser.getVersion')
    return chromium
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#lastId
    const commands = this.#child.stdio[3] as Writable
    commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  /** A new tab, in front of the others. */
  async open(url: string): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const tab = new Tab(this, String(targetId))
    await tab.attach()
    await tab.show()
    await tab.go(url)
    return tab
  }

  async close(): Promise<void> {
    await this.send('Browser.close').catch(() => undefined)
    await until('Chromium has ended', () => this.#ended)
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }

  #read(text: string): void {
    const messages = (this.#unread + text).split('\0')
    this.#unread = messages.pop() ?? ''
    for (const message of messages) {
      this.#answer(JSON.parse(message) as Reply)
    }
  }

  #answer(reply: Reply): void {
    const waiting = reply.id === undefined ? undefined : this.#waiting.get(reply.id)
    if (!waiting || reply.id === undefined) {
      return
    }
    this.#waiting.delete(reply.id)
    if (reply.error) {
      waiting.reject(new Error(reply.error.message))
    } else {
      waiting.resolve(reply.result ?? {})
    }
  }

  #fail(): void {
    this.#ended = true
    for (const { reject } of this.#waiting.values()) {
      reject(new Error('Chromium has ended'))
    }
    this.#waiting.clear()
  }
}

export class Tab {
  readonly #chromium: Chromium
  readonly #targetId: string
  #sessionId: string | undefined

  constructor(chromium: Chromium, targetId: string) {
    this.#chromium = chromium
    this.#targetId = targetId
  }

  /** Lets DevTools look at the page; without that nothing can be run in it. */
  async attach(): Promise<void> {
    const { sessionId } = await this.#chromium.send('Target.attachToTarget', {
      targetId: this.#targetId,
      flatten: true,
    })
    this.#sessionId = String(sessionId)
  }

  /** Leaves the page alone: while DevTools looks, Chromium does not throttle its timers to one tick a minute. */
  async detach(): Promise<void> {
    await this.#chromium.send('Target.detachFromTarget', { sessionId: this.#sessionId })
    this.#sessionId = undefined
  }

  send(method: string, params: Params = {}): Promise<Params> {
    return this.#chromium.send(method, params, this.#sessionId)
  }

  /** Brings this tab to the front; the one that was there is hidden by that. */
  async show(): Promise<void> {
    await this.#chromium.send('Target.activateTarget', { targetId: this.#targetId })
  }

  async go(url: string): Promise<void> {
    await this.send('Page.navigate', { url })
    await this.loaded(url)
  }

  /** As the browser's Back button. */
  async back(): Promise<void> {
    const { currentIndex, entries } = await this.send('Page.getNavigationHistory')
    const entry = (entries as { id: number; url: string }[])[Number(currentIndex) - 1]
    if (!entry) {
      throw new Error('there is no page to go back to')
    }
    await this.send('Page.navigateToHistoryEntry', { entryId: entry.id })
    await this.loaded(entry.url)
  }

  /** What `expression` gives, a promise awaited; it must be JSON. */
  async run<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails) {
      throw new Error(JSON.stringify(exceptionDetails))
    }
    return (result as { value: T }).value
  }

  /** Waits until `expression` holds in the page. */
  until(expression: string, timeoutMs?: number): Promise<void> {
    return until(`in the page: ${expression}`, () => this.run<boolean>(`Boolean(${expression})`), timeoutMs)
  }

  private async loaded(url: string): Promise<void> {
    // Between two pages there is nothing that could answer.
    await until(`${url} is loaded`, async () => {
      const script = 'document.readyState === "complete" && location.href'
      return (await this.run<string | false>(script).catch(() => false)) === url
    })
  }
}
