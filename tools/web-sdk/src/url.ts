/** The address to dial: `user` and, where there is one, `device` put in as query parameters, the others kept as
 * they stand. Throws a TypeError where `base` is none that can be dialed; it does not show it, as it may hold a
 * secret. */
export function dialUrl(base: string, user: string, device?: string): string {
  const url = parse(base)
  const ours = new URLSearchParams(device === undefined ? { user } : { user, device })
  const query = url.search.slice(1).split('&')
  const kept = query.filter((part) => part && [...new URLSearchParams(part)].every(([key]) => !ours.has(key)))
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = '' // a WebSocket refuses one
  // URLSearchParams writes a space as '+', which the gateway takes for a plus sign.
  url.search = [...kept, `${ours}`.replace(/\+/g, '%20')].join('&')
  return url.href
}

function parse(base: string): URL {
  try {
    // Not given is 'ws:', which is a URL nowhere; 'undefined' would be one in a page.
    const url = new URL(base ?? 'ws:', globalThis.location?.href)
    if (/^(ws|http)s?:/.test(url.protocol)) {
      return url
    }
  } catch {}
  throw new TypeError('url must be ws:, wss:, http: or https:')
}
