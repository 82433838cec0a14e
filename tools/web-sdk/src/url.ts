/** The address to dial: `user` and, where there is one, `token` put in as query parameters, the others kept as
 * they stand. Throws a TypeError where `base` is no URL. */
export function dialUrl(base: string, user: string, token?: string): string {
  const url = new URL(base, globalThis.location?.href)
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = '' // a WebSocket refuses one
  const ours = token === undefined ? /^user(=|$)/ : /^(user|token)(=|$)/
  const query = url.search.slice(1).split('&')
  const kept = query.filter((part) => part && !ours.test(part))
  kept.push(parameter('user', user))
  if (token !== undefined) {
    kept.push(parameter('token', token))
  }
  url.search = kept.join('&')
  return url.href
}

/* URLSearchParams writes a space as '+', which the gateway takes for a plus sign. */
function parameter(name: string, value: string): string {
  return new URLSearchParams([[name, value]]).toString().replace(/\+/g, '%20')
}
