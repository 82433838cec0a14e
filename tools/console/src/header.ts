// The page's head: which gateway this is, and how it is.

import { announce } from './announcer.js';
import type { Status } from './api_types.js';
import { byId, setAttribute, setText } from './dom.js';
import { duration } from './format.js';

export type Mood = 'good' | 'wait' | 'bad';

export class Header {
  private readonly pill = byId('health');
  private mood = '';

  // The text changes every second: of a change of mood alone, `heard` is announced.
  show(mood: Mood, text: string, heard: string): void {
    setAttribute(this.pill, 'data-mood', mood);
    setText(this.pill, text);
    if (mood !== this.mood && this.mood !== '') {
      announce(heard);
    }
    this.mood = mood;
  }

  // A passing remark, which is not worth hearing.
  remark(text: string): void {
    setAttribute(this.pill, 'data-mood', 'wait');
    setText(this.pill, text);
  }

  showStatus(status: Status): void {
    setText(byId('node'), `${status.node}, version ${status.version}`);
    const up = `up ${duration(status.uptime_ms)}`;
    if (status.draining) {
      this.show('wait', `draining, ${up}`, 'The gateway drains');
    } else {
      this.show('good', `serving, ${up}`, 'The gateway serves');
    }
  }
}
