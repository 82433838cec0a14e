/* The client as an application has it: what it may call, and nothing of how that works. */
import type { ClientEvents, LoginResult, State, Stats } from './api.js'
import type { Extend } from './extension.js'
import { optionsOfTutorial, type ClientOptions, type OtherOptions, type SendOptions } from './options.js'
import { createSession, type Session } from './session.js'

/* Frameworks hand out Proxies of what is put into their state (Vue, Valtio, Immer), and a Proxy has none of the
 * private members of what it stands for. A function they hand out as it is: so the way to the session is one. It
 * goes by a symbol, as a subclass may have a name like any other. */
const SESSION = Symbol()

export class IMClient {
  declare readonly user: string
  /** @internal */
  declare readonly [SESSION]: () => Session

  constructor(options: ClientOptions)
  /** The tutorial's form; it logs to the console, and gives up after ten attempts. */
  constructor(url: string, user: string, options?: OtherOptions)
  /** @internal */
  constructor(options: ClientOptions, user: undefined, rest: undefined, extend: Extend)
  constructor(first: string | ClientOptions, user?: string, rest?: OtherOptions, extend?: Extend) {
    let options = first as ClientOptions
    TUTORIAL: if (typeof first === 'string') {
      options = optionsOfTutorial(first, user!, rest)
    }
    const session = createSession(options, extend)
    this.user = options.user
    this[SESSION] = () => session
  }

  get state(): State {
    return this[SESSION]().state()
  }

  get stats(): Stats {
    return this[SESSION]().stats()
  }

  /** Resolves always: with `Success` when the gateway has spoken, with `Logined` when it was logged in before. All
   * who call while it goes on share one promise and one line. It dials once, and again only where the gateway asks
   * for that (1012, 1013): what else fails is the application's to repeat. */
  login(options?: SendOptions): Promise<LoginResult> {
    return this[SESSION]().login(options)
  }

  /** Resolves when the client is closed: at the gateway's answer, at the latest after the close time-out. */
  logout(): Promise<void> {
    return this[SESSION]().logout()
  }

  /** Resolves when the text was handed to the socket, which is no receipt. Rejects with an IMError where there is no
   * line and no queue, the text is too big, or it has waited in the queue in vain. */
  sendText(text: string, options?: SendOptions): Promise<void> {
    return this[SESSION]().sendText(text, options)
  }

  /** Calls `listener` at each such event. Returns the function that takes it off again. */
  on<T extends keyof ClientEvents>(type: T, listener: (event: ClientEvents[T]) => void): () => void {
    return this[SESSION]().on(type, listener)
  }

  /** Calls `listener` at the next such event only. */
  once<T extends keyof ClientEvents>(type: T, listener: (event: ClientEvents[T]) => void): () => void {
    return this[SESSION]().on(type, listener, true)
  }

  off<T extends keyof ClientEvents>(type: T, listener: (event: ClientEvents[T]) => void): void {
    this[SESSION]().off(type, listener)
  }
}
