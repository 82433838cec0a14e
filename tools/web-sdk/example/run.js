// Runs one of the demonstrations here in any Node from 20 on: node run.js [NAME [URL [USER]]]
// Node 22 has what it takes by itself; this brings what Node 20 lacks, TypeScript and a WebSocket.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { build } from 'esbuild'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const [name = 'index'] = process.argv.splice(2, 1)

globalThis.WebSocket ??= (await import('ws')).WebSocket
const folder = mkdtempSync(join(tmpdir(), 'tidegate-example-'))
const outfile = join(folder, `${name}.mjs`)
try {
  await build({
    entryPoints: [at(`${name}.ts`)],
    alias: { tidegate: at('../src/index.ts') },
    bundle: true,
    outfile,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  })
  await import(pathToFileURL(outfile))
} finally {
  rmSync(folder, { recursive: true })
}
