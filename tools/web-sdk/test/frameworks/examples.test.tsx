/* The examples for React, Vue and Svelte, each in a page without a network. */
import { createElement, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { mount, unmount } from 'svelte'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApp } from 'vue'
import SvelteChat from '../../example/chat.svelte'
import VueChat from '../../example/chat.vue'
import { Chat as ReactChat } from '../../example/react.js'
import { ScriptedGateway } from '../unit/scripted.js'

interface Props {
  url: string
  user: string
}

/* How each is put into a page; the result takes it out. */
const FRAMEWORKS: Record<string, (at: HTMLElement, props: Props) => () => unknown> = {
  React: (at, props) => {
    const root = createRoot(at)
    root.render(createElement(ReactChat, props))
    return () => root.unmount()
  },
  "React's StrictMode": (at, props) => {
    const root = createRoot(at)
    root.render(createElement(StrictMode, null, createElement(ReactChat, props)))
    return () => root.unmount()
  },
  Vue: (at, props) => {
    const app = createApp(VueChat, { ...props })
    app.mount(at)
    return () => app.unmount()
  },
  Svelte: (at, props) => {
    const app = mount(SvelteChat, { target: at, props })
    return () => unmount(app)
  },
}

let gateway: ScriptedGateway
let at: HTMLElement

beforeEach(() => {
  gateway = new ScriptedGateway().serve()
  vi.stubGlobal('WebSocket', gateway.WebSocket)
  at = document.body.appendChild(document.createElement('div'))
})

afterEach(() => {
  at.remove()
  vi.unstubAllGlobals()
})

const said = () => gateway.newest.sent.filter((data) => typeof data === 'string')

describe.each(Object.entries(FRAMEWORKS))('%s', (_name, show) => {
  test('logs in once, shows what is said and says what is typed, logs out', async () => {
    const hide = show(at, { url: 'ws://gateway/', user: 'alice' })
    await expect.poll(() => gateway.sockets.map(({ pings }) => pings)).toEqual([1])
    expect(gateway.newest.url).toBe('ws://gateway/?user=alice')
    gateway.newest.message('hello -- FROM bob')
    await expect.poll(() => at.querySelector('p')?.textContent).toBe('bob: hello')
    const input = at.querySelector('input')!
    input.value = 'hello bob'
    input.dispatchEvent(new Event('input', { bubbles: true }))
    at.querySelector('form')!.requestSubmit()
    await expect.poll(said).toEqual(['hello bob'])
    await expect.poll(() => input.value).toBe('')
    hide()
    await expect.poll(() => gateway.newest.closed).toEqual({ code: 1000, reason: 'logout' })
    expect(gateway.sockets.length).toBe(1)
  })

  test('shows why it is over', async () => {
    const hide = show(at, { url: 'ws://gateway/', user: 'alice' })
    await expect.poll(() => gateway.sockets.map(({ pings }) => pings)).toEqual([1])
    gateway.newest.end(4001, 'kicked')
    await expect.poll(() => at.querySelector('p')?.textContent).toBe('closed: kicked')
    hide()
    expect(gateway.sockets.length).toBe(1)
  })
})
