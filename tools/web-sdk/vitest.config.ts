/* The tests, by what they need:
 *
 *   unit       nothing but Node: fake timers, a scripted WebSocket    part `sdk` of tools/check
 *   frameworks the examples for React, Vue and Svelte, in jsdom       part `sdk`
 *   frameworks-server  the same, rendered on a server                 part `sdk`
 *   package    the tarball of `npm pack`, in folders of its own       part `sdk`
 *   live       the gateway, by the environment variable TIDEGATE      part `e2e`
 *   live-node  the same tests on Node's own WebSocket, not `ws`       part `e2e`
 *   browser    the gateway as well, and Chromium                      part `e2e`
 *
 * Each is a directory test/NAME of files *.test.ts: `npx vitest run --project NAME`. `package` tests dist/,
 * so run `npm run build` before it, as tools/check does; the others test the sources. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { components } from './test/frameworks/compile.js'

/* Far above what a test takes: a loaded machine is no fault. */
const patience = { testTimeout: 180_000, hookTimeout: 180_000, expect: { poll: { timeout: 20_000 } } }

function project(name: string) {
  return { test: { name, include: [`test/${name}/**/*.test.{ts,tsx}`], environment: 'node' as const, ...patience } }
}

const liveOnNode = {
  test: {
    ...project('live').test,
    name: 'live-node',
    exclude: ['**/{example,readme}.test.ts'], // bring their own
    env: { TIDEGATE_SDK_SOCKET: 'node' },
    execArgv: ['--experimental-websocket'], // which Node 22 has without asking
  },
}

/* The examples as their users' bundlers make them: of a page, of a server. */
const examples = {
  plugins: [components()],
  resolve: { alias: { tidegate: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
}

const frameworks = {
  ...examples,
  test: { ...project('frameworks').test, environment: 'jsdom' as const },
  resolve: { ...examples.resolve, conditions: ['browser'] }, // else Svelte is that of a server
}

const frameworksServer = { ...examples, ...project('frameworks-server') }

export default defineConfig({
  test: {
    maxWorkers: 5, // most of their time they wait
    projects: [...['unit', 'package', 'live', 'browser'].map(project), frameworks, frameworksServer, liveOnNode],
  },
})
