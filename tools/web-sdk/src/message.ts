/* What the gateway fans out: `TEXT -- FROM user`. */

export interface Message {
  /** How it came: as a text frame or as a packet 102. */
  kind: 'text' | 'packet'
  /** Without the suffix of the gateway. */
  text: string
  /** Who sent it; undefined where the gateway put no suffix behind it (`--echo`). */
  from: string | undefined
  /** As it arrived, suffix and all. */
  raw: string
}

/** Splits at the last mark: a text may hold the mark, so an earlier one may be the sender's own writing. */
export function parseMessage(kind: Message['kind'], raw: string): Message {
  const [, text, from] = /^(.*) -- FROM (.*)$/s.exec(raw) ?? []
  return { kind, text: from ? text! : raw, from: from || undefined, raw }
}
