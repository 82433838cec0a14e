// The example for React in a page, with the address and the user of the page's own query.

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { Chat } from '../../example/react.js'

const query = new URLSearchParams(location.search)
const root = createRoot(document.body.appendChild(document.createElement('main')))
root.render(
  <StrictMode>
    <Chat url={query.get('url')!} user={query.get('user')!} />
  </StrictMode>,
)
Object.assign(globalThis, { root })
