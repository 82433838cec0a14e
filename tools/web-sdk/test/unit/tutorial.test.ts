/* Programs written against the tutorial's SDK: its form of the constructor, its lines, its helpers. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Ack, doLogin, IMClient, sleep, State } from '../../src/index.js'
import { pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

let lines: string[]

beforeEach(() => {
  lines = []
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((...words: unknown[]) => void lines.push(words.join(' ')))
  }
})

/* As a program of the tutorial has it: no option at all. */
function run(gateway: ScriptedGateway): IMClient {
  vi.stubGlobal('WebSocket', gateway.WebSocket)
  return new IMClient('ws://localhost:8000', 'ccc')
}

describe('the client of the tutorial', () => {
  it('logs in, beats and logs out with its lines', async () => {
    const gateway = new ScriptedGateway().serve()
    const cli = run(gateway)
    const { status } = await cli.login()
    expect(status).toBe('Success')
    expect(cli.state).toBe(State.CONNECTED)
    expect(gateway.newest.url).toBe('ws://localhost:8000/?user=ccc')
    expect(lines).toEqual([
      'websocket open - readyState: 1',
      '>>> send ping ; state is 1,',
      'heartbeatLoop start',
      'deadlineLoop start',
      'login -  Success',
      '<<<< received a message ; command:101 len: 0',
      '<<<< received a pong...',
    ])
    lines = []
    await pass(10_000)
    expect(lines).toEqual([
      '>>> send ping ; state is 2,',
      '<<<< received a message ; command:101 len: 0',
      '<<<< received a pong...',
    ])
    lines = []
    await cli.logout()
    expect(lines).toEqual([
      'Connection closing...',
      'heartbeatLoop exited',
      'deadlineLoop exited',
      'event[onclose] fired',
      'connection closed due to logout',
    ])
  })

  it('reconnects and gives up with its lines', async () => {
    const gateway = new ScriptedGateway().serve()
    const cli = run(gateway)
    await cli.login()
    gateway.newest.end(1006)
    await pass(10_000)
    expect(lines).toContain('try to relogin')
    expect(cli.state).toBe(State.CONNECTED)
    lines = []
    gateway.refuse()
    gateway.newest.end(1006)
    await pass(120_000)
    // One attempt is counted already: the line before lived for less than 5 s.
    expect(lines.filter((line) => line === 'try to relogin').length).toBeGreaterThanOrEqual(9)
    expect(lines.filter((line) => line.startsWith('websocket error: ')).length).toBeGreaterThanOrEqual(9)
    expect(lines.at(-1)).toBe('connection closed due to reconnect timeout')
    expect(cli.state).toBe(State.CLOSED)
  })

  it('tells of a login that failed', async () => {
    const { status } = await run(new ScriptedGateway().refuse()).login()
    expect(status).toBe(Ack.LoginFailed)
    expect(lines).toContain('login -  LoginFailed')
  })

  it('takes options as a third argument, the logger too', async () => {
    const gateway = new ScriptedGateway().serve()
    const cli = new IMClient('ws://h', 'ccc', { WebSocket: gateway.WebSocket, logger: undefined })
    await cli.login()
    expect(lines).toEqual([])
  })

  it('in the form of options logs nothing of itself', async () => {
    const gateway = new ScriptedGateway().serve()
    await new IMClient({ url: 'ws://h', user: 'ccc', WebSocket: gateway.WebSocket }).login()
    expect(lines).toEqual([])
  })

  it('has its names', () => {
    expect(Object.values(Ack)).toEqual(['Success', 'Timeout', 'LoginFailed', 'Logined'])
    expect(State[2]).toBe('CONNECTED')
  })
})

describe('doLogin', () => {
  it('opens a bare socket', async () => {
    const gateway = new ScriptedGateway()
    const login = doLogin('ws://h/?user=ccc', gateway.WebSocket)
    gateway.newest.open()
    expect(await login).toEqual({ status: 'Success', conn: gateway.newest })
    expect(gateway.newest.binaryType).toBe('arraybuffer')
    await pass(5_000)
    expect(gateway.live).toBe(1)
  })

  it('leaves no dial behind', async () => {
    const gateway = new ScriptedGateway()
    const login = doLogin('ws://h/', gateway.WebSocket)
    await pass(5_000)
    expect(await login).toEqual({ status: 'Timeout', conn: undefined })
    expect(gateway.live).toBe(0)
  })

  it('resolves where it fails', async () => {
    const gateway = new ScriptedGateway().refuse()
    expect(await doLogin('ws://h/', gateway.WebSocket)).toEqual({ status: 'LoginFailed', conn: undefined })
    vi.stubGlobal('WebSocket', undefined)
    expect(await doLogin('ws://h/')).toEqual({ status: 'LoginFailed', conn: undefined })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('sleep', () => {
  it('counts in seconds', async () => {
    const woken = vi.fn()
    void sleep(15).then(woken)
    await pass(14_999)
    expect(woken).not.toHaveBeenCalled()
    await pass(1)
    expect(woken).toHaveBeenCalled()
  })
})
