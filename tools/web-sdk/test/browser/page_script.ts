// What runs in the tests' page: the SDK, a client on demand, and what it has told.

import { Ack, IMClient, State, type ClientOptions } from '../../src/index.js'

const seen = {
  states: [] as string[],
  reasons: [] as string[],
  texts: [] as string[],
  froms: [] as (string | undefined)[],
  delays: [] as number[],
  closes: [] as unknown[],
  errors: [] as string[],
  pongs: 0,
  /** Of the page itself: pageshow, pagehide, offline …; the first two with `persisted`. */
  page: [] as string[],
}

function make(options: ClientOptions): IMClient {
  const client = new IMClient(options)
  client.on('state', ({ to, reason }) => {
    seen.states.push(State[to])
    seen.reasons.push(reason)
  })
  client.on('message', ({ text, from }) => {
    seen.texts.push(text)
    seen.froms.push(from)
  })
  client.on('reconnecting', ({ delayMs }) => seen.delays.push(delayMs))
  client.on('closed', ({ reason, code }) => seen.closes.push({ reason, code }))
  client.on('error', ({ code }) => seen.errors.push(code))
  client.on('pong', () => seen.pongs++)
  Object.assign(globalThis, { client })
  return client
}

/** How the browser runs a chain of timers: the longest time that one was late, so far, in milliseconds. */
function watchTimers(everyMs: number): () => number {
  let last = performance.now()
  let longest = 0
  const tick = () => {
    longest = Math.max(longest, performance.now() - last - everyMs)
    last = performance.now()
    setTimeout(tick, everyMs)
  }
  setTimeout(tick, everyMs)
  return () => Math.max(longest, performance.now() - last - everyMs)
}

/** A client as people write them first: a heartbeat by setInterval, and nothing else. */
function naive(url: string, everyMs: number): WebSocket {
  const socket = new WebSocket(url)
  socket.onopen = () => setInterval(() => socket.send(Uint8Array.of(0, 100, 0, 0, 0, 0)), everyMs)
  return socket
}

for (const type of ['pageshow', 'pagehide']) {
  addEventListener(type, (event) => seen.page.push(`${type} ${(event as PageTransitionEvent).persisted}`))
}
for (const type of ['online', 'offline']) {
  addEventListener(type, () => seen.page.push(type))
}
for (const type of ['freeze', 'resume', 'visibilitychange']) {
  document.addEventListener(type, () => seen.page.push(type))
}

Object.assign(globalThis, { Ack, State, seen, make, watchTimers, naive })
