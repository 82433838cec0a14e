// Runs one of the demonstrations here in any Node from 20 on: node run.js [NAME [URL [USER]]]
// Node 22 has what it takes by itself; this brings what Node 20 lacks, TypeScript and a WebSocket.
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const [name = 'index'] = process.argv.splice(2, 1)

globalThis.WebSocket ??= (await import('ws')).WebSocket
const { outputFiles } = await build({
  entryPoints: [at(`${name}.ts`)],
  alias: { tidegate: at('../src/index.ts') },
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  logLevel: 'warning',
})
await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
