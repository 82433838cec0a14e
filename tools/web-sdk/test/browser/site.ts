// A web site on 127.0.0.1: `/` has the SDK and the tests' script, `/uncached` has them too and stays out of the
// back/forward cache, `/react` has the example for React, `/elsewhere` has nothing.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

export class Site {
  readonly url: string
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(): Promise<Site> {
    const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
    const { outputFiles } = await build({
      entryPoints: { script: at('page_script.ts'), react: at('react_script.tsx') },
      bundle: true,
      write: false,
      outdir: '/',
      format: 'iife',
      target: 'es2022',
      jsx: 'automatic',
      alias: { tidegate: at('../../src/index.ts') },
      define: { 'process.env.NODE_ENV': '"development"' }, // where StrictMode does what it is for
    })
    const files: Record<string, { type: string; body: string }> = {
      '/': {
        type: 'text/html',
        body: '<!doctype html><title>client</title><script src="/script.js"></script>',
      },
      '/uncached': {
        type: 'text/html',
        // Chromium keeps no page that wants to hear its unload.
        body: '<!doctype html><title>client</title><body onunload="0"><script src="/script.js"></script>',
      },
      '/react': {
        type: 'text/html',
        body: '<!doctype html><title>react</title><body><script src="/react.js"></script>',
      },
      '/elsewhere': { type: 'text/html', body: '<!doctype html><title>elsewhere</title>' },
    }
    for (const { path, text } of outputFiles) {
      files[path] = { type: 'text/javascript', body: text }
    }
    const server = createServer((request, response) => {
      const file = files[request.url?.replace(/\?.*/, '') ?? '']
      response.writeHead(file ? 200 : 404, { 'Content-Type': `${file?.type ?? 'text/plain'}; charset=utf-8` })
      response.end(file?.body)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Site(server)
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
