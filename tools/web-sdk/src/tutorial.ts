/* What the tutorial's own SDK has beside its client, for programs written against that. */
import { openLine, type Line } from './line.js'
import type { WebSocketConstructor } from './options.js'
import type { Socket } from './socket.js'

/** How a login ended; `Logined`: it was logged in already. Its values are words, which may stand for themselves. */
export const Ack = {
  Success: 'Success',
  Timeout: 'Timeout',
  LoginFailed: 'LoginFailed',
  Logined: 'Logined',
} as const

export type Ack = keyof typeof Ack

export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/** Opens a bare WebSocket, without any of the client's care. Resolves always, within 5 s; one that did not open is
 * closed. */
export function doLogin(
  url: string,
  WebSocket?: WebSocketConstructor,
): Promise<{ status: Ack; conn: Socket | undefined }> {
  return new Promise((resolve) => {
    const fail = (status: Ack) => {
      clearTimeout(timer)
      line?.drop()
      resolve({ status, conn: undefined })
    }
    const timer = setTimeout(() => fail('Timeout'), 5_000)
    let line: Line | undefined
    try {
      line = openLine(WebSocket, url, [], {
        opened() {
          clearTimeout(timer)
          resolve({ status: 'Success', conn: line!.socket })
        },
        received() {},
        troubled() {},
        ended: () => fail('LoginFailed'),
      })
    } catch {
      fail('LoginFailed')
    }
  })
}
