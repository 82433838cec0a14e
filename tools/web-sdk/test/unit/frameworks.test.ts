/* What frameworks do with a client: they put it behind a Proxy, and React logs it in, out and in again at once. */
import { Immer, immerable } from 'immer'
import * as mobx from 'mobx'
import { describe, expect, it, test, vi } from 'vitest'
import { reactive, ref, shallowRef, type Ref } from 'vue'
import { IMClient, State } from '../../src/index.js'
import { client, pass, ScriptedGateway, useScript, watch } from './scripted.js'

useScript()

class Store {
  client: IMClient | undefined
  constructor() {
    mobx.makeAutoObservable(this)
  }
}

class Draftable extends IMClient {
  readonly [immerable] = true
}

/* How each holds a client; what comes back is what the application then calls. */
const HOLDERS: Record<string, (c: IMClient) => IMClient> = {
  'a bare Proxy': (c) => new Proxy(c, {}),
  "Vue's ref": (c) => {
    const held: Ref<IMClient> = ref(c) // also a matter of types: a private member would not pass
    expect(held.value).not.toBe(c)
    return held.value
  },
  "Vue's reactive": (c) => reactive({ deep: { c } }).deep.c,
  "Vue's shallowRef": (c) => shallowRef(c).value,
  "MobX's observable": (c) => mobx.observable({ c }).c,
  'a MobX store': (c) => {
    const store = new Store()
    mobx.runInAction(() => (store.client = c))
    return store.client!
  },
  'a MobX box': (c) => mobx.observable.box(c).get(),
  'a state of Immer': (c) => new Immer().produce({ c: undefined as IMClient | undefined }, (state) => void (state.c = c)).c!,
}

test.each(Object.entries(HOLDERS))('%s: the client works through it', async (_name, hold) => {
  const gateway = new ScriptedGateway().serve()
  const c = hold(client(gateway))
  const seen = watch(c)
  const texts: string[] = []
  const off = c.on('message', ({ text }) => texts.push(text))
  c.once('message', ({ text }) => texts.push(`once ${text}`))
  const login = c.login()
  expect(c.state).toBe(State.CONNECTING)
  expect(await login).toEqual({ status: 'Success' })
  expect(c.user).toBe('ccc')
  await c.sendText('hello')
  expect(gateway.newest.sent.at(-1)).toBe('hello')
  gateway.newest.message('one -- FROM bob')
  await pass(0)
  off()
  gateway.newest.message('two -- FROM bob')
  await pass(0)
  expect(texts).toEqual(['one', 'once one'])
  gateway.newest.end(1006)
  await pass(10_000)
  expect(c.state).toBe(State.CONNECTED)
  expect(c.stats).toMatchObject({ attempts: 2, bytes: { sent: 6 + 5 + 6 } })
  await c.logout()
  expect(seen.states.at(-1)).toEqual(['CLOSED', 'logout'])
  expect(gateway.sockets.length).toBe(2)
  expect(vi.getTimerCount()).toBe(0)
})

it("Immer's drafts of a subclass are the same client", async () => {
  const gateway = new ScriptedGateway().serve()
  const c = new Draftable({ url: 'ws://h', user: 'u', WebSocket: gateway.WebSocket })
  let login: Promise<unknown> | undefined
  const { held } = new Immer().produce({ held: c }, (state) => {
    login = state.held.login()
  })
  expect(await login).toEqual({ status: 'Success' })
  expect([c.state, held.state]).toEqual([State.CONNECTED, State.CONNECTED])
})

it('a subclass calls what it overrides, and may have any member of its own', async () => {
  class Named extends IMClient {
    session = 'mine'
    logins = 0
    override login() {
      this.logins++
      return super.login()
    }
  }
  const c = new Named({ url: 'ws://h', user: 'u', WebSocket: new ScriptedGateway().serve().WebSocket })
  expect(await c.login()).toEqual({ status: 'Success' })
  expect([c.logins, c.session]).toEqual([1, 'mine'])
})

describe('login, logout, login at once, as React does in StrictMode', () => {
  it('is one session of one dial: with one client', async () => {
    const gateway = new ScriptedGateway().serve()
    const getToken = vi.fn(() => 't')
    const c = client(gateway, { getToken })
    const seen = watch(c)
    const first = c.login()
    const logout = c.logout()
    const second = c.login()
    expect(await first).toMatchObject({ status: 'LoginFailed', error: { code: 'aborted' } })
    await logout
    expect(await second).toEqual({ status: 'Success' })
    await pass(60_000)
    expect(gateway.sockets.length).toBe(1)
    expect(getToken).toHaveBeenCalledOnce()
    expect(c.stats.attempts).toBe(1)
    expect(c.state).toBe(State.CONNECTED)
    expect(seen.events.kicked).toEqual([])
  })

  it('is one session of one dial: with a client for each', async () => {
    const gateway = new ScriptedGateway().serve()
    const [first, second] = [client(gateway), client(gateway)]
    const failed = first.login()
    void first.logout()
    const login = second.login()
    expect(await failed).toMatchObject({ status: 'LoginFailed', error: { code: 'aborted' } })
    expect(await login).toEqual({ status: 'Success' })
    expect(gateway.sockets.length).toBe(1)
  })

  it('logged in already, it ends that line and dials once', async () => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    await c.login()
    void c.logout()
    void c.login()
    void c.logout()
    expect(await c.login()).toEqual({ status: 'Success' })
    expect(gateway.sockets.length).toBe(2)
    expect(gateway.live).toBe(1)
  })
})
