// README.md's programs, word for word.

import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The one block that has this in it. */
export function block(part: string): string {
  const found = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!).filter((lines) => lines.includes(part))
  if (found.length !== 1) {
    throw new Error(`${found.length} blocks of README.md have ${part}`)
  }
  return found[0]!
}
