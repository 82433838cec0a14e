// Builds dist/: the bundles as ESM and as CJS, for browsers and for Node, and the types for both. Fails where one of
// those for browsers is over its budget.
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { minify } from 'terser'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const options = { bundle: true, target: 'es2022', logLevel: 'warning' }
// Each is the client without what the label names: `TALK: …` is for tidegate.v1, `TUTORIAL: …` for programs of the
// tutorial. The budget is in bytes, minified and gzipped.
const entries = [
  { entry: 'src/index.ts', page: 'tidegate', node: 'node', drop: 'TALK', budget: 5_000 },
  { entry: 'src/v1.ts', page: 'v1', node: 'v1_node', drop: 'TUTORIAL', budget: 6_000 },
]

/** Writes one bundle, as the options have it. */
async function bundle({ entry, drop }, path, more) {
  await build({ ...options, entryPoints: [at(entry)], dropLabels: [drop], outfile: at(path), ...more })
}

async function shrink(path) {
  // What is unsafe of these is so for functions with a `this` and for getters that do something, which are none here.
  const unsafe = { unsafe_methods: true, unsafe_arrows: true, pure_getters: true }
  // These make what is minified larger, or smaller, by some bytes once it is gzipped.
  const compress = { passes: 5, ...unsafe, sequences: false, hoist_funs: true }
  const { code } = await minify(readFileSync(at(path), 'utf8'), { toplevel: true, ecma: 2020, compress })
  writeFileSync(at(path), code)
}

function checkSize({ budget }, path) {
  const { length } = gzipSync(readFileSync(at(path)), { level: 9 })
  console.log(`${path}: ${length} of ${budget} bytes`)
  if (length > budget) {
    process.exitCode = 1
  }
}

rmSync(at('dist'), { recursive: true, force: true })
for (const row of entries) {
  for (const [format, suffix] of [['esm', 'js'], ['cjs', 'cjs']]) {
    const page = `dist/${row.page}.${suffix}`
    // Its own knows what is constant in other modules too.
    await bundle(row, page, { format, platform: 'neutral', minifySyntax: true })
    await shrink(page)
    // Node loads nothing over a network, and shows the source of what throws: there it is to be read as it was written.
    await bundle(row, `dist/${row.node}.${suffix}`, { format, platform: 'node', conditions: ['node'] })
  }
  checkSize(row, `dist/${row.page}.js`)
}
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
execFileSync(process.execPath, [tsc, '-p', at('tsconfig.build.json')], { stdio: 'inherit' })
// Node takes a .d.ts for that of an ES module or of CommonJS by the nearest package.json.
cpSync(at('dist/types'), at('dist/types-cjs'), { recursive: true })
writeFileSync(at('dist/types-cjs/package.json'), '{ "type": "commonjs" }\n')
