/** The address to dial: `user` and, where there is one, `token` put in as query parameters, the others kept as
 * they stand. Throws a TypeError where `base` is no URL. */
export function dialUrl(base: string, user: string, token?: string): string {
  const url = new URL(base, globalThis.location?.href)
  const ours = new URLSearchParams(token === undefined ? { user } : { user, token })
  const query = url.search.slice(1).split('&')
  const kept = query.filter((part) => part && !ours.has(part.replace(/=.*/, '')))
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = '' // a WebSocket refuses one
  // URLSearchParams writes a space as '+', which the gateway takes for a plus sign.
  url.search = [...kept, `${ours}`.replace(/\+/g, '%20')].join('&')
  return url.href
}
