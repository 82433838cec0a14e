/* The package as its users get it: packed by npm, installed into an empty folder. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const SOURCE = fileURLToPath(new URL('../..', import.meta.url))

export class Installed {
  readonly dir = mkdtempSync(join(tmpdir(), 'tidegate-sdk-'))
  /** What the tarball holds. */
  readonly files: string[]
  readonly tarball: string

  constructor() {
    const packed = npm(SOURCE, 'pack', '--ignore-scripts', '--json', '--pack-destination', this.dir)
    const [tarball] = JSON.parse(packed) as { filename: string; files: { path: string }[] }[]
    this.files = tarball!.files.map(({ path }) => path)
    this.tarball = join(this.dir, tarball!.filename)
    this.write('package.json', '{ "private": true }')
    npm(this.dir, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${tarball!.filename}`)
  }

  write(name: string, text: string): string {
    const path = join(this.dir, name)
    writeFileSync(path, text)
    return path
  }

  /** Makes a package of the development tree importable beside ours. */
  link(name: string): void {
    symlinkSync(join(SOURCE, 'node_modules', name), join(this.dir, 'node_modules', name), 'dir')
  }

  /** Runs a script in a Node of its own, within the folder. */
  run(name: string, text: string, options: string[] = [], args: string[] = [], node = process.execPath): Promise<Run> {
    const path = this.write(name, text)
    return new Promise((resolve) => {
      execFile(node, [...options, path, ...args], { cwd: this.dir, timeout: 30_000 }, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }),
      )
    })
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export interface Run {
  code: unknown
  stdout: string
  stderr: string
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
