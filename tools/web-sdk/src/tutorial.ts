/* What the tutorial's own SDK has beside its client, for programs written against that. */
import { Line } from './line.js'
import type { WebSocketConstructor } from './options.js'
import type { Socket } from './socket.js'

/** How a login ended. */
export enum Ack {
  Success = 'Success',
  Timeout = 'Timeout',
  LoginFailed = 'LoginFailed',
  /** It was logged in already. */
  Logined = 'Logined',
}

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
    const line = new Line()
    const fail = (status: Ack) => {
      clearTimeout(timer)
      line.drop()
      resolve({ status, conn: undefined })
    }
    const timer = setTimeout(() => fail(Ack.Timeout), 5_000)
    try {
      line.open(WebSocket, url, {
        opened: () => {
          clearTimeout(timer)
          resolve({ status: Ack.Success, conn: line.socket })
        },
        received() {},
        troubled() {},
        ended: () => fail(Ack.LoginFailed),
      })
    } catch {
      fail(Ack.LoginFailed)
    }
  })
}
