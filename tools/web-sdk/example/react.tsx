import { useEffect, useState } from 'react'
import { IMClient } from 'tidegate'

export function Chat({ url, user }: { url: string; user: string }) {
  const [client, setClient] = useState<IMClient>()
  const [lines, setLines] = useState<string[]>([])
  const add = (line: string) => setLines((lines) => [...lines, line])
  useEffect(() => {
    const client = new IMClient({ url, user, queue: {} })
    client.on('message', ({ from, text }) => add(`${from}: ${text}`))
    client.on('closed', ({ reason }) => reason !== 'logout' && add(`closed: ${reason}`))
    setClient(client)
    void client.login()
    return () => void client.logout()
  }, [url, user])
  const say = (form: FormData) => client?.sendText(`${form.get('text')}`).catch(({ message }) => add(message))
  return <form action={say}>{lines.map((line, i) => <p key={i}>{line}</p>)}<input name="text" /></form>
}
