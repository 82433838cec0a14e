// Tokens as a backend makes them.

import { createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach } from 'vitest'

const folders: string[] = []

afterEach(() => folders.splice(0).forEach((dir) => rmSync(dir, { recursive: true, force: true })))

/** A key of one backend, in a file that goes with the test. */
export class Key {
  readonly secret = randomBytes(32)
  readonly file: string

  constructor(readonly dir = mkdtempSync(join(tmpdir(), 'tidegate-keys-'))) {
    this.file = join(dir, 'keys.json')
    this.write()
    folders.push(dir)
  }

  write(): void {
    const jwk = { kty: 'oct', alg: 'HS256', k: this.secret.toString('base64url') }
    writeFileSync(this.file, JSON.stringify(jwk), { mode: 0o600 })
  }

  /** A token that ends `seconds` from now. */
  token(sub: string, seconds: number, claims: object = {}): string {
    const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url')
    const exp = Math.floor(Date.now() / 1_000) + seconds
    const body = `${part({ alg: 'HS256' })}.${part({ sub, exp, ...claims })}`
    return `${body}.${createHmac('sha256', this.secret).update(body).digest('base64url')}`
  }
}
