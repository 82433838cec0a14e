// A backend of a Tidegate cluster: answers what users ask (packet 130), follows who comes and goes, and says hello.
//
//     npm install && node backend.mjs nats://127.0.0.1:4222
//
// NATS_USER and NATS_PASSWORD are those of the sample's `backend` (tools/deploy/nats).
import { connect, JSONCodec, StringCodec } from 'nats'

const { NATS_USER: user, NATS_PASSWORD: pass } = process.env
const nats = await connect({ servers: process.argv[2]?.split(','), user, pass, inboxPrefix: 'backend.inbox', maxReconnectAttempts: -1 })
const json = JSONCodec()
const text = StringCodec()

// A push is retried under the same id: whoever had it already gets no double.
async function push(message) {
  const id = crypto.randomUUID()
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await nats.request('tidegate.api.v1.push', json.encode({ id, ...message }), { timeout: 3000 }).catch(() => null)
    const result = answer && json.decode(answer.data)
    if (result && result.result !== 'unknown' && !result.missing) return result
  }
  return { result: 'unknown' }
}

// Others in the queue group share the work; each request is answered by one of them.
async function answerRequests() {
  for await (const request of nats.subscribe('tidegate.up', { queue: 'backend' })) {
    const who = request.headers.get('Tidegate-User')
    console.log(`${who} asks ${text.decode(request.data)}`)
    request.respond(text.encode(`${new Date().toISOString()}, ${who}`))
  }
}

// Of one user and device what is below the highest epoch is old news. 20 digits sort as numbers do.
async function followPresence() {
  const seen = new Map()
  for await (const message of nats.subscribe('tidegate.events.*')) {
    const { event, user: who, device, epoch } = json.decode(message.data)
    const key = JSON.stringify([who, device])
    if (!epoch || BigInt(epoch) < (seen.get(key) ?? 0n)) continue
    seen.set(key, BigInt(epoch))
    console.log(`${who} is ${event}`)
    if (event === 'online') await push({ all: true, text: `${who} is here` })
  }
}

const work = [answerRequests(), followPresence()]
await nats.flush()
console.log('ready')
await Promise.all(work)
