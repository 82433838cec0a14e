// The page's head: which gateway this is, and how it is.

import { announce } from './announcer.js';
import type { Status } from './api_types.js';
import { byId, setAttribute, setText } from './dom.js';
import { healthOf } from './health.js';
import type { Health } from './health.js';

export class Header {
  private readonly pill = byId('health');
  private heard = '';

  // The text changes every second: what is heard is announced when that changes. That all is well at first is no
  // news.
  show({ mood, text, heard }: Health): void {
    setAttribute(this.pill, 'data-mood', mood);
    setText(this.pill, text);
    if (heard !== this.heard && (this.heard !== '' || mood !== 'good')) {
      announce(heard);
    }
    this.heard = heard;
  }

  // A passing remark, which is not worth hearing.
  remark(text: string): void {
    setAttribute(this.pill, 'data-mood', 'wait');
    setText(this.pill, text);
  }

  showStatus(status: Status): void {
    setText(byId('node'), `node ${status.node}, version ${status.version}`);
    this.show(healthOf(status));
  }
}
