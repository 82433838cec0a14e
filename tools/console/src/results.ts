// The words for the results of tidegate.v1 and for what comes with them: proto/PROTOCOL.md, section 6. Pure.

export const RESULT = { DONE: 0, NOBODY: 1, NOT_ALLOWED: 2, BUSY: 3, NOT_A_MEMBER: 4, BAD_NAME: 5, TOO_MANY_ROOMS: 6 } as const;

const RESULTS = [
  'done',
  'nobody is there',
  'not allowed, or not valid',
  'a limit is reached: nothing was sent',
  'not a member of the room',
  'no such name is possible',
  'in as many rooms as a session may be',
  'the node cannot be asked',
  'no answer in time: it may have arrived',
];

export function resultWords(result: number): string {
  return RESULTS[result] ?? `result ${String(result)}`;
}

// 1 session, 2 sessions
export function some(amount: number, what: string): string {
  return `${String(amount)} ${what}${amount === 1 ? '' : 's'}`;
}
