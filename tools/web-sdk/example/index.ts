// Log in, let the heartbeat run for a while, log out.

import { IMClient, sleep } from 'tidegate'

const [url = 'ws://localhost:8000', user = 'ccc'] = process.argv.slice(2)

const main = async () => {
  let cli = new IMClient(url, user)
  let { status } = await cli.login()
  console.log('client login return -- ', status)

  await sleep(15)
  cli.logout()
}

main()
