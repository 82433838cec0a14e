/* The SDK with tidegate.v1. What is there for the tutorial's programs alone is in the classic one. */
export { State } from './api.js'
export type { CloseReason, LoginResult, StateReason, Stats } from './api.js'
export { IMClient } from './client_v1.js'
export { IMError, type IMErrorCode, type Refusal } from './errors.js'
export type { Message } from './message.js'
export type { ClientOptions, Logger, QueueOptions, ReconnectOptions, SendOptions, Signal, WebSocketConstructor } from './options.js'
export type { Answer, Members, Reply, Room, RoomEvents, Said, SessionInfo, TalkEvents } from './talk_api.js'
