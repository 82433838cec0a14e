// Tells a screen reader what happened: turning points only, one after the other, never heartbeats.

import { byId, el } from './dom.js';

const PAUSE_MS = 1500; // what follows sooner would cut off what is being read
const WAITING = 4; // of more, the oldest are news no longer

const waiting: string[] = [];
let speaking = false;

function speak(): void {
  const text = waiting.shift();
  if (text === undefined) {
    speaking = false;
    return;
  }
  speaking = true;
  byId('announcements').replaceChildren(el('p', {}, text));
  setTimeout(speak, PAUSE_MS);
}

export function announce(text: string): void {
  waiting.push(text);
  while (waiting.length > WAITING) {
    waiting.shift();
  }
  if (!speaking) {
    speak();
  }
}
