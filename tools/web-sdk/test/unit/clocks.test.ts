/* The clock on the wall is set while the client waits: nothing waits on it. */
import { describe, expect, it, test, vi } from 'vitest'
import { State } from '../../src/index.js'
import { connected, pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

const HOURS = 3_600_000

/* As NTP or a person does it; timers and performance.now() take no notice. */
function setTheClock(byMs: number): void {
  vi.setSystemTime(Date.now() + byMs)
}

async function reconnecting(code: number, reason = '') {
  const gateway = new ScriptedGateway().serve()
  const line = await connected(gateway, { reconnect: { baseMs: 60_000, capMs: 60_000 } })
  await pass(5_000)
  line.socket.end(code, reason)
  await pass(0)
  return { gateway, ...line }
}

describe.each([-8 * HOURS, 8 * HOURS])('set by %d ms', (byMs) => {
  it('leaves the next dial where it was', async () => {
    const { c, gateway } = await reconnecting(1006)
    setTheClock(byMs)
    await pass(59_999)
    expect(gateway.sockets.length).toBe(1)
    await pass(1)
    expect(c.state).toBe(State.CONNECTED)
  })

  test.each([
    ['when the network is back', 1006, '', 0],
    ['no earlier than the gateway asked', 1012, 'retry_ms=30000', 30_000],
  ])('lets it come within a second %s', async (_when, code, reason, leastMs) => {
    vi.stubGlobal('addEventListener', vi.fn())
    const { c, gateway } = await reconnecting(code, reason)
    const online = vi.mocked(addEventListener).mock.calls.find(([type]) => type === 'online')![1] as () => void
    setTheClock(byMs)
    online()
    await pass(leastMs && leastMs - 1)
    expect(gateway.sockets.length).toBe(1)
    await pass(1_001)
    expect(gateway.sockets.length).toBe(2)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('gives up a silent line no later, and a live one not at all', async () => {
    for (const answers of [true, false]) {
      const gateway = new ScriptedGateway().serve(20)
      const { c } = await connected(gateway)
      await pass(9_000)
      if (!answers) {
        gateway.fallSilent()
      }
      setTheClock(byMs)
      await pass(30_000)
      expect(c.state).toBe(answers ? State.CONNECTED : State.RECONNECTING)
      expect(gateway.sockets[0]!.closed?.code).toBe(answers ? undefined : 3008)
      void c.logout()
      await pass(2_000)
    }
  })

  it('counts no uptime that was not', async () => {
    const gateway = new ScriptedGateway().serve()
    const { seen } = await connected(gateway)
    for (const [uptime, attempt] of [[4_000, 1], [4_000, 2], [5_000, 1]] as const) {
      setTheClock(byMs)
      await pass(uptime)
      gateway.newest.end(1006)
      await pass(0)
      expect(seen.events.reconnecting.at(-1)!.attempt).toBe(attempt)
      await pass(seen.events.reconnecting.at(-1)!.delayMs)
    }
  })
})
