// A web site on 127.0.0.1: `/` has the SDK and the tests' script, `/uncached` has them too and stays out of the
// back/forward cache, `/v1` has the one with tidegate.v1, `/react` has the example for React, `/token` gives a token, `/elsewhere`
// has nothing.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

export class Site {
  readonly url: string
  /** What `/token` gives. */
  token = () => ''
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(): Promise<Site> {
    const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
    const { outputFiles } = await build({
      entryPoints: { script: at('page_script.ts'), react: at('react_script.tsx'), v1: at('v1_script.ts') },
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
      '/v1': {
        type: 'text/html',
        body: '<!doctype html><title>v1</title><script src="/v1.js"></script>',
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
    let site: Site | undefined
    const server = createServer((request, response) => {
      if (request.url === '/token') {
        response.end(site!.token())
        return
      }
      const file = files[request.url?.replace(/\?.*/, '') ?? '']
      response.writeHead(file ? 200 : 404, { 'Content-Type': `${file?.type ?? 'text/plain'}; charset=utf-8` })
      response.end(file?.body)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (site = new Site(server))
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
