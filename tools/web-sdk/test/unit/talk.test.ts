/* tidegate.v1, against a gateway that is scripted. */
import { Buffer } from 'node:buffer'
import { describe, expect, it, test, vi } from 'vitest'
import { decodePacket, encodePacket } from '../../src/index.js'
import { readFields } from '../../src/fields.js'
import { IMClient, State, type ClientOptions, type Members, type Said, type SessionInfo } from '../../src/v1.js'
import { pass, ScriptedGateway, useScript, type ScriptedSocket } from './scripted.js'
import { bytes, vectors } from './vectors.js'

useScript()

const SESSION = 104
const SAY = 110
const ANSWER = 111
const MESSAGE = 112
const JOIN = 120
const LEAVE = 121
const MEMBERS = 122
const LIST = 123
const PAGE = 124
const GAP = 105
const REQUEST = 130
const REPLY = 131

const u8 = (...numbers: number[]) => Buffer.from(numbers)
const u32 = (number: number) => u8(number >>> 24, number >>> 16, number >>> 8, number)
const str = (text: string) => Buffer.concat([u8(Buffer.byteLength(text)), Buffer.from(text)])
const payload = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

/* What each packet of a client says. */
const LAYOUTS: Record<number, string> = { [SAY]: '41st', [JOIN]: '41s', [LEAVE]: '4s', [LIST]: '4ss', [REQUEST]: '4b' }

/** What was sent, but for pings: the command, and its fields. */
function sent(socket: ScriptedSocket): unknown[][] {
  return socket.sent.flatMap((data): unknown[][] => {
    const packet = typeof data === 'string' ? undefined : decodePacket(data)
    const layout = packet && LAYOUTS[packet.command]
    return layout ? [[packet.command, ...readFields(layout, packet.payload)]] : typeof data === 'string' ? [[data]] : []
  })
}

const texts = (socket: ScriptedSocket) => sent(socket).map((row) => row.at(-1))

function answer(socket: ScriptedSocket, id: number, result = 0, count = 0): void {
  socket.packet(ANSWER, payload(u32(id), u8(result), u32(count)))
}

function greet(socket: ScriptedSocket, seconds = 0xffffffff, result = 0): void {
  socket.packet(SESSION, payload(u8(result), u32(seconds), str('ccc'), str('')))
}

function message(socket: ScriptedSocket, from: string, audience: string, text: string): void {
  socket.packet(MESSAGE, payload(u8(0), u32(0x18b), u32(0xcfe5687b), str(from), str(audience), Buffer.from(text)))
}

function members(socket: ScriptedSocket, room: string, count: number, change: number, user = ''): void {
  socket.packet(MEMBERS, payload(str(room), u32(count), u8(change), str(user)))
}

function page(socket: ScriptedSocket, id: number, users: string[], isLast: boolean, result = 0): void {
  socket.packet(PAGE, payload(u32(id), u8(result, +isLast, users.length >> 8, users.length), ...users.map(str)))
}

function client(gateway: ScriptedGateway, options: Partial<ClientOptions> = {}): IMClient {
  return new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, ...options })
}

/** A client that is logged in by its 104, and its line. */
async function connected(options: Partial<ClientOptions> = {}) {
  const gateway = new ScriptedGateway().serve()
  const c = client(gateway, options)
  const login = c.login()
  await pass(0)
  await login
  return { gateway, c, socket: gateway.newest }
}

/** Cut, and not back yet. */
async function cut(options: Partial<ClientOptions> = {}) {
  const line = await connected({ reconnect: { baseMs: 60_000, capMs: 60_000 }, ...options })
  line.socket.end(1006)
  await pass(0)
  return line
}

/* How a promise stands, without waiting for it. */
function follow(promise: Promise<unknown>): { now: unknown } {
  const followed: { now: unknown } = { now: 'waits' }
  promise.then(
    (value) => (followed.now = value),
    (error: { code: string }) => (followed.now = error.code),
  )
  return followed
}

function heard<T>(listen: (listener: (event: T) => void) => unknown): T[] {
  const events: T[] = []
  listen((event) => events.push(event))
  return events
}

describe('the login', () => {
  it('offers tidegate.v1, and a token beside it', async () => {
    const { socket } = await connected()
    expect(socket.protocols).toEqual(['tidegate.v1'])
    const { socket: other } = await connected({ getToken: () => 'a.b.c' })
    expect(other.protocols).toEqual(['tidegate.v1', 'tidegate.v0', 'tidegate.token.a.b.c'])
  })

  it('names the device', async () => {
    expect((await connected({ device: 'my phone' })).socket.url).toBe('ws://gateway/?user=ccc&device=my%20phone')
  })

  it('succeeds by the 104, and tells of it', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const sessions = heard<SessionInfo>((fn) => c.on('session', fn))
    const login = c.login()
    await pass(0)
    gateway.newest.open()
    greet(gateway.newest)
    expect(await login).toEqual({ status: 'Success' })
    gateway.newest.packet(SESSION, payload(u8(0), u32(60), str('中'), str('phone'), Buffer.from('later')))
    await pass(0)
    expect(sessions).toEqual([
      { user: 'ccc', device: '', secondsLeft: Infinity },
      { user: '中', device: 'phone', secondsLeft: 60 },
    ])
  })

  it.each([
    ['the 104', SESSION, payload(u8(0), u32(60), str('ccc'))],
    ['an answer', ANSWER, payload(u32(1), u8(0), u8(0, 0, 0))],
    ['a message that is no UTF-8', MESSAGE, payload(u8(0), u32(0), u32(0), str('a'), str('@b'), u8(0xff))],
    ['a name that is no UTF-8', MEMBERS, payload(u8(1, 0xff), u32(0), u8(0), str(''))],
    ['a page', PAGE, payload(u32(1), u8(0, 1, 0, 2), str('a'))],
  ])('fails by a first frame that is malformed: %s', async (_what, command, data) => {
    const gateway = new ScriptedGateway()
    const login = client(gateway).login()
    await pass(0)
    gateway.newest.open()
    gateway.newest.packet(command, data)
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'protocol' } })
    expect(gateway.newest.closed).toEqual({ code: 4002, reason: 'bad packet' })
  })

  it('says what may be missing where a dial fails without a word, as browsers have it', async () => {
    const gateway = new ScriptedGateway()
    const login = client(gateway).login()
    await pass(0)
    gateway.newest.end(1006)
    expect((await login).error?.message).toBe('close 1006 (no tidegate.v1?)')
    const { c, socket } = await connected()
    const errors = heard<{ error: Error }>((fn) => c.on('reconnecting', fn))
    socket.end(1006)
    await pass(0)
    expect(errors[0]!.error.message).toBe('close 1006')
  })

  it('passes over what it does not know', async () => {
    const { c, socket } = await connected()
    for (const command of [0, 99, 103, 106, 113, SAY, JOIN, 132, 199, 256]) {
      socket.packet(command, payload(u8(1, 2, 3)))
    }
    await pass(0)
    expect(c.state).toBe(State.CONNECTED)
    expect(socket.closed).toBeUndefined()
  })
})

describe('packets of the vectors', () => {
  const rows = vectors.packets.filter((row) => row.v1 !== undefined && [SESSION, ANSWER, MESSAGE, MEMBERS, PAGE, GAP, REPLY].includes(row.command!))

  test.each(rows)('$name', async ({ hex, v1 }) => {
    const { c, socket } = await connected()
    socket.message(bytes(hex).buffer)
    await pass(0)
    expect(c.state).toBe(v1 ? State.CONNECTED : State.CLOSED)
    expect(socket.closed?.code).toBe(v1 ? undefined : 4002)
  })

  it.each(vectors.packets.filter((row) => row.v1 && row.v1.flags === 0 && row.command === SAY))(
    'is written as: $name',
    async ({ hex, v1 }) => {
      const { c, socket } = await connected()
      void c.say(v1!.audience as string, v1!.text as string)
      const written = Buffer.from(socket.sent.at(-1) as Uint8Array)
      written.writeUInt32BE(v1!.id as number, 6)
      expect(written.toString('hex')).toBe(hex)
    },
  )

  it('are of the kinds that a client sends, too', async () => {
    const { c, socket } = await connected()
    const room = c.room('room')
    const written = (command: number) =>
      socket.sent.filter((data) => decodePacket(data)?.command === command).at(-1) as Uint8Array
    for (const [command, act] of [
      [JOIN, () => void room.join()],
      [LIST, () => void room.members().catch(() => {})],
      [LEAVE, () => void room.leave()],
    ] as const) {
      act()
      const row = vectors.packets.find((row) => row.command === command && row.v1 && (row.v1.after ?? '') === '')
      if (row) {
        const data = Buffer.from(written(command))
        data.writeUInt32BE(row.v1!.id as number, 6)
        expect(data.toString('hex')).toBe(row.hex)
      }
    }
    expect(sent(socket)).toEqual([
      [JOIN, 1, 1, 'room'],
      [LIST, 2, 'room', ''],
      [LEAVE, 3, 'room'],
    ])
  })
})

describe('request', () => {
  it('resolves with the bytes of the reply', async () => {
    const { c, socket } = await connected()
    const asked = [c.request('what 中?'), c.request(u8(0, 255)), c.request('')].map(follow)
    expect(sent(socket)).toEqual([
      [REQUEST, 1, new Uint8Array(Buffer.from('what 中?'))],
      [REQUEST, 2, new Uint8Array([0, 255])],
      [REQUEST, 3, new Uint8Array()],
    ])
    socket.packet(REPLY, payload(u32(2), u8(0, 1, 0, 254)))
    socket.packet(REPLY, payload(u32(1), u8(0)))
    await pass(0)
    expect(asked.map(({ now }) => now)).toEqual([
      { result: 'done', bytes: new Uint8Array() },
      { result: 'done', bytes: new Uint8Array([1, 0, 254]) },
      'waits',
    ])
  })

  test.each([
    [3, 'busy'], [2, 'not-allowed'], [7, 'unreachable'], [8, 'unknown'], [99, 'unknown'],
  ])('rejects for result %i with %s', async (result, code) => {
    const { c, socket } = await connected()
    const asked = follow(c.request('x'))
    socket.packet(REPLY, payload(u32(1), u8(result)))
    await pass(0)
    expect(asked.now).toBe(code)
  })

  it('needs a line, and is `unknown` where that goes', async () => {
    const { c, socket } = await connected()
    const asked = follow(c.request('x'))
    socket.end(1006)
    await pass(0)
    expect(asked.now).toBe('unknown')
    const { c: other } = await cut()
    const refused = follow(other.request('x'))
    await pass(0)
    expect(refused.now).toBe('network')
  })
})

describe('what was lost between nodes', () => {
  it('is told', async () => {
    const { c, socket } = await connected()
    const gaps = heard<{ batches: number }>((listener) => c.on('gap', listener))
    socket.packet(GAP, u32(70_000))
    socket.packet(GAP, payload(u32(1), u8(9, 9)))
    await pass(0)
    expect(gaps).toEqual([{ batches: 70_000 }, { batches: 1 }])
  })
})

describe('say', () => {
  it('resolves with what came of it', async () => {
    const { c, socket } = await connected()
    const said = [c.say('@bob', 'hello 中'), c.say('#room', ''), c.say('', 'all')].map(follow)
    expect(sent(socket)).toEqual([
      [SAY, 1, 0, '@bob', 'hello 中'],
      [SAY, 2, 0, '#room', ''],
      [SAY, 3, 0, '', 'all'],
    ])
    answer(socket, 2, 1)
    answer(socket, 1, 0, 3)
    await pass(0)
    expect(said.map(({ now }) => now)).toEqual([
      { result: 'done', count: 3 },
      { result: 'nobody there', count: 0 },
      'waits',
    ])
  })

  it.each([
    [2, 'not-allowed'],
    [3, 'busy'],
    [4, 'not-a-member'],
    [5, 'bad-name'],
    [6, 'too-many-rooms'],
    [7, 'unreachable'],
    [8, 'unknown'],
    [9, 'unknown'],
    [255, 'unknown'],
  ])('rejects where the gateway refuses: %d', async (result, code) => {
    const { c, socket } = await connected()
    const said = c.say('#room', 'hello')
    answer(socket, 1, result)
    await expect(said).rejects.toMatchObject({ name: 'IMError', code })
  })

  it('rejects with `unknown` where the line goes before the answer', async () => {
    const { c, socket } = await connected()
    const said = [c.say('@bob', 'a'), c.room('r').members()].map(follow)
    socket.end(1006)
    await pass(0)
    expect(said.map(({ now }) => now)).toEqual(['unknown', 'unknown'])
    const { c: other } = await connected()
    const last = follow(other.say('@bob', 'a'))
    void other.logout()
    await pass(0)
    expect(last.now).toBe('unknown')
  })

  it('hears no answer of an older line', async () => {
    const { gateway, c, socket } = await connected()
    void c.say('@bob', 'a').catch(() => {})
    socket.end(1006)
    await pass(10_000)
    const said = follow(c.say('@bob', 'b'))
    expect(sent(gateway.newest)).toEqual([[SAY, 2, 0, '@bob', 'b']])
    answer(gateway.newest, 1, 0, 1)
    await pass(0)
    expect(said.now).toBe('waits')
    answer(gateway.newest, 2, 0, 1)
    await pass(0)
    expect(said.now).toEqual({ result: 'done', count: 1 })
  })

  it('takes answers that nobody waits for', async () => {
    const { c, socket } = await connected()
    answer(socket, 0, 3)
    answer(socket, 77, 2)
    page(socket, 78, [], true, 4)
    await pass(0)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('tells as an error that a text to everybody was refused, which has no number', async () => {
    const { c, socket } = await connected()
    const errors = heard((fn) => c.on('error', fn))
    await c.sendText('all')
    answer(socket, 7, 2)
    await pass(0)
    expect(errors).toEqual([])
    answer(socket, 0, 2)
    await pass(0)
    expect(errors).toMatchObject([{ code: 'not-allowed' }])
    expect(c.state).toBe(State.CONNECTED)
  })

  it('has 256 without an answer', async () => {
    const { c, socket } = await connected()
    const said = Array.from({ length: 257 }, () => follow(c.say('@bob', 'a')))
    await pass(0)
    expect(said.map(({ now }) => now)).toEqual([...Array(256).fill('waits'), 'busy'])
    answer(socket, 1, 0, 1)
    expect(follow(c.say('@bob', 'a')).now).toBe('waits')
    await pass(0)
    expect(sent(socket).length).toBe(257)
  })

  it('rejects what is too long for a packet', async () => {
    const { c, socket } = await connected()
    await expect(c.say('@' + 'x'.repeat(255), '')).rejects.toMatchObject({ code: 'bad-name' })
    await expect(c.say('', 'x'.repeat(65_536 - 11))).rejects.toMatchObject({ code: 'too-big' })
    void c.say('', 'x'.repeat(65_536 - 12))
    expect((socket.sent.at(-1) as Uint8Array).length).toBe(65_536)
    expect(sent(socket).length).toBe(1)
  })

  it('without a line rejects, or waits in the queue', async () => {
    const { c: without } = await cut()
    await expect(without.say('@bob', 'a')).rejects.toMatchObject({ code: 'network' })
    const { gateway, c } = await cut({ queue: { ttlMs: 100_000 } })
    const abort = new AbortController()
    const said = [c.say('@bob', 'a'), c.say('@bob', 'b', { signal: abort.signal }), c.sendText('c')].map(follow)
    abort.abort()
    await pass(60_000)
    expect(said.map(({ now }) => now)).toEqual(['waits', 'aborted', undefined])
    expect(texts(gateway.newest)).toEqual(['a', 'c'])
    answer(gateway.newest, sent(gateway.newest)[0]![1] as number, 0, 2)
    await pass(0)
    expect(said[0]!.now).toEqual({ result: 'done', count: 2 })
  })
})

describe('what others say', () => {
  it('to this user is told as direct', async () => {
    const { c, socket } = await connected()
    const direct = heard<Said>((fn) => c.on('direct', fn))
    const all = heard((fn) => c.on('message', fn))
    message(socket, 'bob', '@ccc', 'hello -- FROM x')
    message(socket, 'ccc', '@bob', 'from my phone')
    message(socket, '', '@ccc', '')
    socket.message('to all -- FROM bob')
    await pass(0)
    const sentMs = 1_700_000_000_123
    expect(direct).toEqual([
      { audience: '@ccc', from: 'bob', text: 'hello -- FROM x', sentMs },
      { audience: '@bob', from: 'ccc', text: 'from my phone', sentMs },
      { audience: '@ccc', from: undefined, text: '', sentMs },
    ])
    expect(all).toMatchObject([{ text: 'to all', from: 'bob' }])
  })

  it('in a room is told by that room, however often it is asked for', async () => {
    const { c, socket } = await connected()
    const first = heard<Said>((fn) => c.room('a').on('message', fn))
    const again = heard<Said>((fn) => c.room('a').on('message', fn))
    const other = heard<Said>((fn) => c.room('b').on('message', fn))
    const direct = heard<Said>((fn) => c.on('direct', fn))
    message(socket, 'bob', '#a', 'hello')
    await pass(0)
    expect(first).toMatchObject([{ audience: '#a', from: 'bob', text: 'hello' }])
    expect([again, other, direct]).toEqual([first, [], []])
  })

  it('comes in the order of the line, whatever the audiences', async () => {
    const { c, socket } = await connected()
    const seen: string[] = []
    c.on('message', ({ text }) => seen.push(text))
    c.on('direct', ({ text }) => seen.push(text))
    c.room('a').on('message', ({ text }) => seen.push(text))
    message(socket, 'bob', '#a', '1')
    socket.message('2 -- FROM bob')
    message(socket, 'bob', '@ccc', '3')
    message(socket, 'bob', '#a', '4')
    await pass(0)
    expect(seen).toEqual(['1', '2', '3', '4'])
  })

  it('is not told to a listener that is taken off', async () => {
    const { c, socket } = await connected()
    const seen = vi.fn()
    const off = c.room('a').on('message', seen)
    off()
    message(socket, 'bob', '#a', '1')
    await pass(0)
    expect(seen).not.toHaveBeenCalled()
  })
})

describe('a room', () => {
  it('is joined, once for all who ask, and says who comes and goes', async () => {
    const { c, socket } = await connected()
    const room = c.room('lobby')
    expect(room.name).toBe('lobby')
    const joined = [room.join(), room.join(), c.room('lobby').join()].map(follow)
    expect(sent(socket)).toEqual([[JOIN, 1, 1, 'lobby']])
    answer(socket, 1, 0, 2)
    await pass(0)
    expect(joined.map(({ now }) => now)).toEqual(Array(3).fill({ result: 'done', count: 2 }))
    const changes = heard<Members>((fn) => room.on('members', fn))
    const all = heard<Members>((fn) => c.on('members', fn))
    members(socket, 'lobby', 3, 1, 'bob')
    members(socket, 'other', 1, 2, 'bob')
    members(socket, 'lobby', 201, 0)
    members(socket, 'lobby', 201, 77)
    await pass(0)
    expect(changes).toEqual([
      { room: 'lobby', count: 3, change: 'came', user: 'bob' },
      { room: 'lobby', count: 201, change: 'counted', user: undefined },
      { room: 'lobby', count: 201, change: 'counted', user: undefined },
    ])
    expect(all.map(({ room }) => room)).toEqual(['lobby', 'other', 'lobby', 'lobby'])
  })

  it('is joined when there is a line, and on each later one', async () => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    const joined = follow(c.room('a').join())
    void c.login()
    await pass(0)
    expect(sent(gateway.newest)).toEqual([[JOIN, 1, 1, 'a']])
    answer(gateway.newest, 1, 0, 1)
    void c.room('b').join() // without an answer on this line
    gateway.newest.end(1006)
    await pass(10_000)
    expect(joined.now).toEqual({ result: 'done', count: 1 })
    expect(sent(gateway.newest)).toEqual([
      [JOIN, 3, 1, 'a'],
      [JOIN, 4, 1, 'b'],
    ])
  })

  it('is joined again before what waits in the queue goes there', async () => {
    const { gateway, c, socket } = await connected({ queue: {} })
    void c.room('a').join()
    socket.end(1006)
    await pass(0)
    void c.say('#a', 'late').catch(() => {})
    await pass(10_000)
    expect(sent(gateway.newest).map(([command]) => command)).toEqual([JOIN, SAY])
  })

  it('is joined, listed and left at once while the queue goes out in portions', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway, { queue: {} })
    const login = c.login()
    await pass(0)
    const said = Array.from({ length: 30 }, (_, i) => follow(c.say('#a', `t${i}`)))
    gateway.newest.open()
    greet(gateway.newest)
    gateway.newest.pong()
    await login
    const joined = follow(c.room('a').join())
    const listed = follow(c.room('a').members())
    const left = follow(c.room('a').leave())
    const later = follow(c.say('#a', 'later'))
    expect(sent(gateway.newest).map(([command]) => command)).toEqual([...Array(20).fill(SAY), JOIN, LIST, LEAVE])
    for (let id = 1; id <= 20; id++) {
      answer(gateway.newest, id, id > 15 ? 3 : 0, 1) // beyond the rate: told, not said again
    }
    gateway.newest.pong()
    await pass(0)
    expect(texts(gateway.newest).slice(-2)).toEqual(['t29', 'later'])
    expect(said.slice(0, 20).map(({ now }) => now)).toEqual([...Array(15).fill({ result: 'done', count: 1 }), ...Array(5).fill('busy')])
    answer(gateway.newest, 23, 0, 0)
    await pass(0)
    expect([joined.now, listed.now, left.now, later.now]).toEqual(['aborted', 'waits', undefined, 'waits'])
  })

  it('that is left and joined again while there is no line is joined on the next one, and not left', async () => {
    const { gateway, c } = await cut({ queue: { ttlMs: 100_000 } })
    const room = c.room('a')
    void room.join().catch(() => {})
    await room.leave()
    const joined = follow(room.join())
    await expect(room.members()).rejects.toMatchObject({ code: 'network' })
    await pass(60_000)
    expect(sent(gateway.newest).map(([command]) => command)).toEqual([JOIN])
    answer(gateway.newest, sent(gateway.newest)[0]![1] as number, 0, 1)
    await pass(0)
    expect(joined.now).toMatchObject({ count: 1 })
  })

  it('asked for on a line that is closing is joined on the next one', async () => {
    const { gateway, c, socket } = await connected({ queue: {} })
    const errors = heard((fn) => c.on('error', fn))
    socket.readyState = 2
    const joined = follow(c.room('a').join())
    await pass(0)
    expect(joined.now).toBe('waits')
    socket.end(1006)
    await pass(10_000)
    expect(sent(gateway.newest).map(([command]) => command)).toEqual([JOIN])
    answer(gateway.newest, sent(gateway.newest)[0]![1] as number, 0, 1)
    await pass(0)
    expect(joined.now).toMatchObject({ count: 1 })
    expect(errors).toEqual([])
  })

  it('that is left is not joined again', async () => {
    const { gateway, c, socket } = await connected()
    const room = c.room('a')
    void room.join()
    answer(socket, 1, 0, 1)
    const left = follow(room.leave())
    expect(sent(socket).at(-1)).toEqual([LEAVE, 2, 'a'])
    answer(socket, 2, 0, 0)
    await pass(0)
    expect(left.now).toBeUndefined()
    socket.end(1006)
    await pass(10_000)
    expect(sent(gateway.newest)).toEqual([])
  })

  it.each(['refused', 'cut', 'without a line'])('is left whatever becomes of the asking: %s', async (how) => {
    const { c, socket } = await (how === 'without a line' ? cut() : connected())
    const joined = follow(c.room('a').join())
    const left = follow(c.room('a').leave())
    if (how === 'refused') {
      answer(socket, 2, 4)
    } else if (how === 'cut') {
      socket.end(1006)
    }
    await pass(0)
    expect([joined.now, left.now]).toEqual(['aborted', undefined])
  })

  it('that was left and joined again is joined by the second asking', async () => {
    const { gateway, c, socket } = await connected()
    const room = c.room('a')
    void room.join().catch(() => {})
    void room.leave()
    const joined = follow(room.join())
    answer(socket, 1, 6)
    answer(socket, 2, 4)
    answer(socket, 3, 0, 5)
    await pass(0)
    expect(joined.now).toEqual({ result: 'done', count: 5 })
    socket.end(1006)
    await pass(10_000)
    expect(sent(gateway.newest)).toEqual([[JOIN, 4, 1, 'a']])
  })

  it('that is refused is over, and may be asked for again', async () => {
    const { gateway, c, socket } = await connected()
    const errors = heard((fn) => c.on('error', fn))
    const joined = follow(c.room('a').join())
    answer(socket, 1, 2)
    await pass(0)
    expect(joined.now).toBe('not-allowed')
    expect(errors).toMatchObject([{ code: 'not-allowed' }])
    const again = follow(c.room('a').join())
    answer(socket, 2, 0, 1)
    await pass(0)
    expect(again.now).toMatchObject({ count: 1 })
    socket.end(1006)
    await pass(10_000)
    answer(gateway.newest, 3, 2) // by now a right is gone
    await pass(0)
    expect(errors.length).toBe(2)
    gateway.newest.end(1006)
    await pass(20_000)
    expect(c.state).toBe(State.CONNECTED)
    expect(sent(gateway.newest)).toEqual([])
  })

  it('that a backend puts it in is told, for as long as the line lives', async () => {
    const { gateway, c, socket } = await connected()
    const all = heard<Members>((fn) => c.on('members', fn))
    members(socket, 'party', 7, 1, 'ccc')
    await pass(0)
    expect(all).toEqual([{ room: 'party', count: 7, change: 'came', user: 'ccc' }])
    const said = heard<Said>((fn) => c.room('party').on('message', fn))
    message(socket, 'bob', '#party', 'welcome')
    await pass(0)
    expect(said).toMatchObject([{ text: 'welcome' }])
    socket.end(1006)
    await pass(10_000)
    expect(sent(gateway.newest)).toEqual([])
  })

  it('that a backend takes it out of is not joined again, unless it is asked for', async () => {
    const { gateway, c, socket } = await connected()
    const room = c.room('a')
    const changes = heard<Members>((fn) => room.on('members', fn))
    void room.join()
    answer(socket, 1, 0, 1)
    members(socket, 'a', 0, 3)
    await pass(0)
    expect(changes).toEqual([{ room: 'a', count: 0, change: 'taken out', user: undefined }])
    socket.end(1006)
    await pass(10_000)
    expect(sent(gateway.newest)).toEqual([])
    void room.join()
    expect(sent(gateway.newest)).toEqual([[JOIN, 2, 1, 'a']])
  })

  it('ends with the client', async () => {
    const { gateway, c, socket } = await connected()
    void c.room('a').join()
    answer(socket, 1, 0, 1)
    const waits = c.room('b').join() // nobody need await it
    await c.logout()
    await expect(waits).rejects.toMatchObject({ code: 'aborted' })
    await c.login()
    expect(sent(gateway.newest)).toEqual([])
  })

  it('need not be awaited', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { c, socket } = await connected()
    for (const name of ['a', 'b']) {
      void c.room(name).join()
    }
    answer(socket, 1, 2)
    void c.room('c').leave()
    await c.logout()
    vi.useRealTimers()
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('lists who is in it, page by page', async () => {
    const { c, socket } = await connected()
    const names = follow(c.room('a').members())
    expect(sent(socket)).toEqual([[LIST, 1, 'a', '']])
    page(socket, 1, ['alice', 'bob'], false)
    await pass(0)
    expect(sent(socket).at(-1)).toEqual([LIST, 2, 'a', 'bob'])
    page(socket, 2, ['中'], true)
    await pass(0)
    expect(names.now).toEqual(['alice', 'bob', '中'])
    const refused = follow(c.room('a').members())
    page(socket, 3, [], true, 4)
    await pass(0)
    expect(refused.now).toBe('not-a-member')
  })

  it('says what is for it', async () => {
    const { c, socket } = await connected()
    const said = follow(c.room('a').say('hello'))
    expect(sent(socket)).toEqual([[SAY, 1, 0, '#a', 'hello']])
    answer(socket, 1, 0, 4)
    await pass(0)
    expect(said.now).toEqual({ result: 'done', count: 4 })
  })

  it('of a name that cannot be is refused at once', async () => {
    const { c } = await connected()
    expect(() => c.room('x'.repeat(256))).toThrow(expect.objectContaining({ name: 'IMError', code: 'bad-name' }))
  })
})

describe('malformed packets', () => {
  it.each([SESSION, ANSWER, MESSAGE, MEMBERS, PAGE])('of command %d: each prefix closes with 4002, or is whole', async (command) => {
    const whole: Record<number, Uint8Array> = {
      [SESSION]: payload(u8(0), u32(60), str('ccc'), str('phone')),
      [ANSWER]: payload(u32(1), u8(0), u32(1)),
      [MESSAGE]: payload(u8(0), u32(0), u32(0), str('a'), str('@b')),
      [MEMBERS]: payload(str('room'), u32(1), u8(1), str('bob')),
      [PAGE]: payload(u32(1), u8(0, 1, 0, 2), str('a'), str('b')),
    }
    for (let len = 0; len < whole[command]!.length; len++) {
      const { c, socket } = await connected()
      socket.packet(command, whole[command]!.slice(0, len))
      expect([len, c.state, socket.closed?.code]).toEqual([len, State.CLOSED, 4002])
    }
    const { c, socket } = await connected()
    socket.packet(command, payload(whole[command]!, u8(1, 2)))
    expect(c.state).toBe(State.CONNECTED)
    expect(encodePacket(command).length).toBe(6)
  })
})
