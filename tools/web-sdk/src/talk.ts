/* tidegate.v1 beside a session: what is said and what became of it, rooms. PROTOCOL section 6. */
import { State } from './api.js'
import { ANSWER, GAP, JOIN, LEAVE, LIST, MEMBERS, MESSAGE, PAGE, REPLY, REQUEST, SAY, SESSION } from './commands.js'
import { defer, nothing, type Deferred } from './defer.js'
import { aborted, IMError, type Refusal } from './errors.js'
import type { Extension, GetToken, Host, Listener } from './extension.js'
import { readFields, stringField } from './fields.js'
import type { SendOptions } from './options.js'
import { encodePacket, encodeText } from './packet.js'
import type { Answer, Members, Reply, Room } from './talk_api.js'
import { tokens } from './tokens.js'

/* Requests without an answer that the gateway bears. */
const ASKED_MAX = 256
/* After that they begin anew; not with 0, which would be answered by refusals only. */
const ID_MAX = 65_535
/* Of a packet, in front of what stands behind its id. */
const HEAD_LEN = 10
const WITHOUT_END = 0xffffffff
const TELL_MEMBERS = 1
const TAKEN_OUT = 3

const RESULTS = ['done', 'nobody there', 'not-allowed', 'busy', 'not-a-member', 'bad-name', 'too-many-rooms', 'unreachable']
const CHANGES: (Members['change'] | undefined)[] = [, 'came', 'went', 'taken out']

interface Page {
  users: string[]
  isLast: number
}

export interface Talk extends Extension {
  say(audience: string, text: string, options?: SendOptions): Promise<Answer>
  room(name: string): Room
  request(data: string | Uint8Array): Promise<Reply>
}

export function talk(session: Host, getToken: GetToken | undefined): Talk {
  let live = false
  let id = 0
  /** By id, what waits for its answer. */
  const asked = new Map<number, [resolve: (reply: any) => void, reject: (error: IMError) => void]>()
  /** By name, the rooms to be in, on each line anew; each ends when it was joined once, or is over. */
  const rooms = new Map<string, Deferred<Answer>>()

  const token = getToken && tokens(session, getToken)

  // --- requests -----------------------------------------------------------------------------------

  /** `fields` stand behind the id. What is said waits in its turn; what else is asked goes out now: a room is joined before
   * what waits is said there, and left where no line is. Rejects with `unknown` where the line goes before the answer
   * comes. */
  function ask<T>(command: number, fields: number[] | Uint8Array, options?: SendOptions): Promise<T> {
    return new Promise((...ends) => {
      const trySend = () => {
        id = (id % ID_MAX) + 1
        const isSent = session.send(encodePacket(command, [0, 0, id >> 8, id, ...fields]))
        if (isSent) {
          asked.set(id, ends)
        }
        return isSent
      }
      if (command === SAY) {
        session.post(trySend, HEAD_LEN + fields.length, options).catch(ends[1])
      } else if (!(live &&= trySend())) {
        throw new IMError('network', 'no line')
      }
    })
  }

  function answer(id: number, result: number, reply: object): void {
    // What nobody has a promise for is a text to everybody, which has no number.
    const [resolve, reject = (error: IMError) => id || session.emit('error', error)] = asked.get(id) ?? []
    asked.delete(id)
    if (result > 1) {
      reject(new IMError((RESULTS[result] as Refusal) ?? 'unknown', 'refused'))
    } else {
      resolve?.({ result: RESULTS[result], ...reply })
    }
  }

  async function say(audience: string, text: string, options?: SendOptions): Promise<Answer> {
    if (asked.size >= ASKED_MAX) {
      throw new IMError('busy', 'too many')
    }
    return ask(SAY, [0, ...stringField(audience), ...encodeText(text)], options)
  }

  // --- rooms --------------------------------------------------------------------------------------

  function enter(room: Deferred<Answer>, name: string): void {
    ask<Answer>(JOIN, [TELL_MEMBERS, ...stringField(name)]).then(room.resolve, (error: IMError) => {
      // With its line it is not over: the next one asks again.
      if (live && rooms.get(name) === room) {
        rooms.delete(name)
        room.reject(error)
        session.emit('error', error)
      }
    })
  }

  function room(name: string): Room {
    const field = stringField(name)
    return {
      name,

      join() {
        let room = rooms.get(name)
        if (!room) {
          rooms.set(name, (room = defer()))
          room.promise.catch(nothing)
          if (live) {
            enter(room, name)
          }
        }
        return room.promise
      },

      leave() {
        rooms.get(name)?.reject(aborted())
        rooms.delete(name)
        // Whatever the answer is, and without a line too, it is in no more.
        return ask(LEAVE, field).then(nothing, nothing)
      },

      say: (text, options) => say('#' + name, text, options),

      async members() {
        const all: string[] = []
        for (let isLast = 0; !isLast; ) {
          const page: Page = await ask(LIST, [...field, ...stringField(all.at(-1) ?? '')])
          all.push(...page.users)
          isLast = page.isLast
        }
        return all
      },

      on: (type, listener) => session.on(`${type}#${name}`, listener as Listener),
    }
  }

  // --- what comes ---------------------------------------------------------------------------------

  const readers: { [command: number]: readonly [layout: string, hear: (...fields: never[]) => unknown] } = {
    [GAP]: ['4', (batches: number) => session.emit('gap', { batches })],
    [SESSION]: [
      '14ss',
      (result: number, seconds: number, user: string, device: string) => {
        const secondsLeft = seconds === WITHOUT_END ? Infinity : seconds
        token?.taken(result, secondsLeft)
        session.emit('session', { user, device, secondsLeft })
      },
    ],
    [ANSWER]: ['414', (id: number, result: number, count: number) => answer(id, result, { count })],
    [REPLY]: ['41b', (id: number, result: number, bytes: Uint8Array) => answer(id, result, { bytes })],
    [PAGE]: [
      '411l',
      (id: number, result: number, isLast: number, users: string[]) => answer(id, result, { isLast, users }),
    ],
    [MESSAGE]: [
      '18sst',
      (_flags: number, sentMs: number, from: string, audience: string, text: string) =>
        session.emit(audience[0] === '#' ? `message${audience}` : 'direct', {
          audience,
          from: from || undefined,
          text,
          sentMs,
        }),
    ],
    [MEMBERS]: [
      's41s',
      (room: string, count: number, how: number, user: string) => {
        if (how === TAKEN_OUT) {
          rooms.delete(room)
        }
        const members: Members = { room, count, change: CHANGES[how] ?? 'counted', user: user || undefined }
        session.emit('members', members)
        session.emit(`members#${room}`, members)
      },
    ],
  }

  return {
    say,

    room,

    request: (data) => ask(REQUEST, typeof data === 'string' ? encodeText(data) : data),

    getToken: token?.get,

    entered(state) {
      live = state === State.CONNECTED
      if (live) {
        rooms.forEach(enter)
        return
      }
      asked.forEach(([, reject]) => reject(new IMError('unknown', 'no line')))
      asked.clear()
      token?.stop()
      if (state === State.CLOSED) {
        rooms.forEach(({ reject }) => reject(aborted()))
        rooms.clear()
      }
    },

    read({ command, payload }) {
      const [layout, hear] = readers[command] ?? []
      try {
        const fields = layout && readFields(layout, payload)
        return fields ? () => hear!(...fields) : undefined
      } catch {
        return false
      }
    },
  }
}
