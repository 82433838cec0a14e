/** What went wrong, in one word; see the README's table. */
export type IMErrorCode = 'timeout' | 'auth' | 'kicked' | 'aborted' | 'protocol' | 'network'

export class IMError extends Error {
  /* Else consoles show the name that the minifier gave. */
  static override readonly name = 'IMError'
  readonly code: IMErrorCode
  /** What caused it, where that was an error of its own: of `getToken`, of the WebSocket's constructor. */
  declare readonly cause?: unknown

  constructor(code: IMErrorCode, message: string, cause?: unknown) {
    super(message)
    this.name = IMError.name
    this.code = code
    if (cause !== undefined) {
      this.cause = cause
    }
  }
}

export function aborted(): IMError {
  return new IMError('aborted', 'ended by logout() or a signal')
}
