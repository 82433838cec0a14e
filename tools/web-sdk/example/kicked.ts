// The same user logs in twice: the newer login wins, and the older one does not fight it.

import { IMClient, sleep } from 'tidegate'

const [url = 'ws://localhost:8000', user = 'ccc'] = process.argv.slice(2)

const main = async () => {
  let phone = new IMClient(url, user)
  phone.once('kicked', () => console.log('phone: logged in elsewhere'))
  phone.once('closed', ({ reason }) => console.log(`phone: closed, ${reason} ; state is ${phone.state},`))
  await phone.login()

  let laptop = new IMClient(url, user)
  let { status } = await laptop.login()
  console.log('laptop: client login return -- ', status)

  await sleep(3)
  console.log(`laptop: still here ; state is ${laptop.state},`)
  await laptop.logout()
}

main()
