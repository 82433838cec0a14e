/** What went wrong, in one word; see the README's table. */
export type IMErrorCode =
  | 'timeout'
  | 'auth'
  | 'kicked'
  | 'aborted'
  | 'protocol'
  | 'network'
  | 'too-big'
  | 'unsupported'
  | Refusal

/** What the gateway says of a request of tidegate.v1. */
export type Refusal = 'not-allowed' | 'busy' | 'not-a-member' | 'bad-name' | 'too-many-rooms' | 'unreachable' | 'unknown'

export class IMError extends Error {
  /* Else consoles show the name that the minifier gave. */
  override readonly name = 'IMError'
  declare readonly code: IMErrorCode
  /** What caused it, where that was an error of its own: of `getToken`, of the WebSocket's constructor, of the host's
   * network. */
  declare readonly cause?: unknown

  constructor(code: IMErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? cause : { cause })
    this.code = code
  }
}

export function aborted(): IMError {
  return new IMError('aborted', 'logout or abort')
}
