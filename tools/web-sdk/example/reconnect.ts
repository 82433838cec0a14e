// Log in and stay, whatever happens to the server: stop it and start it again while this runs.

import { Ack, IMClient, State } from 'tidegate'

const [url = 'ws://localhost:8000', user = 'ccc'] = process.argv.slice(2)

const main = async () => {
  // Shorter than the defaults, so that one need not wait for long.
  let cli = new IMClient(url, user, { reconnect: { maxAttempts: 5, baseMs: 500, capMs: 2_000 } })
  let { status } = await cli.login()
  console.log('client login return -- ', status)
  if (status !== Ack.Success) {
    return
  }
  console.log('now stop the server')

  cli.on('reconnecting', ({ attempt, delayMs }) => console.log(`attempt ${attempt} comes in ${delayMs} ms`))
  cli.once('reconnected', () => {
    console.log(`back again ; state is ${cli.state},`)
    cli.logout()
  })
  cli.once('closed', ({ reason }) => console.log(`the end: ${reason} ; state is ${State[cli.state]},`))
}

main()
