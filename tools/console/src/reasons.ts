// Close codes and the gateway's names of ends in words.

import { CODES, ENDS, RANGES } from './words.js';

export function codeWords(code: number): string {
  const range = RANGES.find(([first, last]) => first <= code && code <= last);
  return CODES[code] ?? range?.[2] ?? `close code ${String(code)}`;
}

// A reason that this page does not know yet keeps its own name.
export function endWords(reason: string): string {
  return ENDS[reason] ?? reason.replaceAll('_', ' ');
}
