// The console: two views over one poll of the gateway.

import { announce } from './announcer.js';
import type { ApiError } from './api.js';
import type { Status } from './api_types.js';
import { byId, setAttribute, setText } from './dom.js';
import { duration } from './format.js';
import { Poll } from './poll.js';
import { TokenForm } from './token.js';
import { TryView } from './try_view.js';
import { WatchView } from './watch_view.js';

const TITLES: Readonly<Record<string, string>> = { try: 'Try it', watch: 'Watch it' };

class Header {
  private readonly pill = byId('health');
  private mood = '';

  show(mood: 'good' | 'wait' | 'bad', text: string, heard: string): void {
    setAttribute(this.pill, 'data-mood', mood);
    setText(this.pill, text);
    // The text changes every second; only a change of mood is worth hearing.
    if (mood !== this.mood && this.mood !== '') {
      announce(heard);
    }
    this.mood = mood;
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

function main(): void {
  const header = new Header();
  const tryView = new TryView();
  const watchView = new WatchView();

  const poll = new Poll({
    onStatus: (status) => {
      token.hide();
      header.showStatus(status);
      tryView.onStatus(status);
      watchView.onStatus(status);
    },
    onFailure: (error: ApiError, at) => {
      if (error.status === 401) {
        poll.stop();
        token.show();
        header.show('wait', 'a token is needed', 'The gateway asks for its token');
      } else {
        header.show('bad', error.message, 'The gateway does not answer');
      }
      tryView.onFailure(error.message);
      watchView.onFailure(at);
    },
  });
  const token = new TokenForm(() => {
    poll.start();
  });

  const route = (): void => {
    const name = location.hash === '#watch' ? 'watch' : 'try';
    for (const view of Object.keys(TITLES)) {
      byId(`view-${view}`).hidden = view !== name;
      const link = byId(`to-${view}`);
      if (view === name) {
        link.setAttribute('aria-current', 'page');
      } else {
        link.removeAttribute('aria-current');
      }
    }
    document.title = `${TITLES[name] ?? ''} – Tidegate`;
    tryView.setShown(name === 'try');
    watchView.setShown(name === 'watch');
  };
  addEventListener('hashchange', route);
  route();
  poll.start();
}

main();
