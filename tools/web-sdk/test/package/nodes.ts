/* Each Node that the package is for: this one, and those that tools/setup --tests puts into build/nodes. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface NodeProgram {
  major: number
  path: string
  /** Options with which it has a WebSocket of its own, and without one. */
  withOwn: string[]
  withoutOwn: string[]
}

const MAJORS = [20, 22, 24, 26]

export const NODES: NodeProgram[] = MAJORS.map((major) => {
  const ours = process.versions.node.startsWith(`${major}.`)
  const path = fileURLToPath(new URL(`../../../../build/nodes/${major}/node_modules/.bin/node`, import.meta.url))
  return {
    major,
    path: ours ? process.execPath : path,
    withOwn: major >= 22 ? [] : ['--experimental-websocket'], // Node 20 has that of Node 22 behind a flag
    withoutOwn: major >= 22 ? ['--no-experimental-websocket'] : [],
  }
})

/** Throws, with advice, where one is not there. */
export function checkNodes(): void {
  for (const { major, path } of NODES) {
    if (!existsSync(path)) {
      throw new Error(`there is no Node ${major}: tools/setup --tests installs it`)
    }
  }
}
