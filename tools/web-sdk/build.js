// Builds dist/: the bundle as ESM and as CJS, for browsers and for Node, and the types for both.
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const bundle = {
  entryPoints: [at('src/index.ts')],
  bundle: true,
  target: 'es2022',
  logLevel: 'warning',
}
// Node loads nothing over a network, and shows the source of what throws: there it is to be read as it was written.
const targets = [
  ['tidegate', { platform: 'neutral', minify: true }],
  ['node', { platform: 'node', conditions: ['node'] }],
]

rmSync(at('dist'), { recursive: true, force: true })
for (const [name, target] of targets) {
  await build({ ...bundle, ...target, format: 'esm', outfile: at(`dist/${name}.js`) })
  await build({ ...bundle, ...target, format: 'cjs', outfile: at(`dist/${name}.cjs`) })
}
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
execFileSync(process.execPath, [tsc, '-p', at('tsconfig.build.json')], { stdio: 'inherit' })
// Node takes a .d.ts for that of an ES module or of CommonJS by the nearest package.json.
cpSync(at('dist/types'), at('dist/types-cjs'), { recursive: true })
writeFileSync(at('dist/types-cjs/package.json'), '{ "type": "commonjs" }\n')
