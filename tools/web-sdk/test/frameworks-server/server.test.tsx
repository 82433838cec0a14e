/* The examples rendered on a server, where there is no page, and on Node 20 no WebSocket. */
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { render } from 'svelte/server'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createSSRApp } from 'vue'
import { renderToString as renderVue } from 'vue/server-renderer'
import SvelteChat from '../../example/chat.svelte'
import VueChat from '../../example/chat.vue'
import { Chat as ReactChat } from '../../example/react.js'

const props = { url: '/chat', user: 'alice' }

beforeEach(() => {
  expect(globalThis).not.toHaveProperty('window')
  vi.stubGlobal('WebSocket', undefined)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

it.each<[string, () => string | Promise<string>]>([
  ['React', () => renderToString(createElement(ReactChat, props))],
  ['Vue', () => renderVue(createSSRApp(VueChat, props))],
  ['Svelte', () => render(SvelteChat, { props }).body],
])('%s renders without a window', async (_name, html) => {
  expect(await html()).toMatch(/^(<!--.*?-->)*<form.*<input/)
})
