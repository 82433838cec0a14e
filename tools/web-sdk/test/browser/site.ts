// A web site on 127.0.0.1: `/` has the SDK and the tests' script, `/uncached` has them too and stays out of the
// back/forward cache, `/elsewhere` has nothing.

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
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('page_script.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2022',
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
      '/script.js': { type: 'text/javascript', body: outputFiles[0]?.text ?? '' },
      '/elsewhere': { type: 'text/html', body: '<!doctype html><title>elsewhere</title>' },
    }
    const server = createServer((request, response) => {
      const file = files[request.url ?? '']
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
