// What goes over the wire, frame by frame, with the parts of a packet in colours.

import { announce } from './announcer.js';
import { el, freshId, hidden } from './dom.js';
import type { Child } from './dom.js';
import { clock } from './format.js';
import type { Role } from './frames.js';
import type { Seen } from './tap.js';

const KEPT = 80;

// Roles in their colours, and what they are called where that is not the same.
function key(roles: readonly (readonly [Role, string?])[]): Child[] {
  return roles.flatMap(([role, name], i) => [
    ...(i === 0 ? [] : [' ', el('span', { 'aria-hidden': 'true' }, '|'), ' ']),
    el('code', { class: `role-${role}` }, name ?? role),
  ]);
}

export class Inspector {
  readonly element: HTMLElement;
  private readonly body = el('tbody');
  private readonly pause: HTMLButtonElement;
  private paused = false;
  private missed = 0;

  constructor(user: string) {
    const title = freshId('frames');
    const beats = el('input', { type: 'checkbox', id: freshId('beats'), checked: true });
    const scroller = el(
      'div',
      { class: 'frames-scroll', tabindex: 0, role: 'group', 'aria-labelledby': title },
      el(
        'table',
        { class: 'frames-table' },
        el('caption', { class: 'heard' }, `Frames of ${user}, the newest first`),
        el(
          'thead',
          { class: 'heard' },
          el(
            'tr',
            {},
            ...['Time', 'Direction', 'Bytes', 'Meaning'].map((text) => el('th', { scope: 'col' }, text)),
          ),
        ),
        this.body,
      ),
    );
    beats.addEventListener('change', () => {
      scroller.classList.toggle('without-beats', !beats.checked);
    });
    this.pause = el('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' }, 'Hold', hidden(` the frames of ${user}`));
    this.pause.addEventListener('click', () => {
      this.hold(!this.paused);
      announce(this.paused ? 'The list of frames is held' : 'The list of frames goes on');
    });
    this.element = el(
      'section',
      { class: 'frames', 'aria-labelledby': title },
      el(
        'div',
        { class: 'part-head' },
        el('h3', { id: title }, 'On the wire', hidden(` of ${user}`)),
        el('label', { class: 'tick', for: beats.id }, beats, 'heartbeats'),
        this.pause,
      ),
      el(
        'p',
        { class: 'frames-key' },
        'A packet: ',
        ...key([['command'], ['length'], ['payload']]),
        '. A payload of ',
        el('code', {}, 'tidegate.v1'),
        ': ',
        ...key([['id'], ['number'], ['name'], ['payload', 'text']]),
      ),
      scroller,
    );
  }

  // Held, the list stays as it is, for reading; what passes meanwhile is only counted.
  private hold(paused: boolean): void {
    this.paused = paused;
    this.pause.setAttribute('aria-pressed', String(paused));
    if (!paused && this.missed > 0) {
      this.body.prepend(
        el('tr', { class: 'missed' }, el('td', { colspan: 4 }, `${String(this.missed)} frames passed while the list was held`)),
      );
      this.missed = 0;
    }
  }

  // `isOld`: the line it came on has been replaced.
  show({ direction, kind, pieces, meaning }: Seen, isOld: boolean): void {
    if (this.paused) {
      this.missed += 1;
      return;
    }
    const bytes = el('td', { class: 'bytes' });
    pieces.forEach(({ role, text, field }, i) => {
      if (i > 0) {
        bytes.append(el('span', { class: 'bar', 'aria-hidden': 'true' }, ' | '));
      }
      bytes.append(el('code', { class: `role-${role}`, title: field }, text));
    });
    this.body.prepend(
      el(
        'tr',
        { class: `frame ${direction} kind-${kind}` },
        el('td', { class: 'when' }, clock(new Date())),
        el(
          'td',
          { class: 'direction' },
          el('span', { 'aria-hidden': 'true' }, direction === 'out' ? '↑' : '↓'),
          hidden(direction),
        ),
        bytes,
        el('td', { class: 'meaning' }, isOld ? `${meaning} (the old line)` : meaning),
      ),
    );
    while (this.body.rows.length > KEPT) {
      this.body.deleteRow(-1);
    }
  }
}
