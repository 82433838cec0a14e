// The console: two views over one poll of the gateway.

import { announce } from './announcer.js';
import { Banner } from './banner.js';
import { Header } from './header.js';
import { Poll } from './poll.js';
import { Reach, awayWords, lateWords } from './reach.js';
import { Restarts } from './restarts.js';
import { TokenForm } from './token.js';
import { TryView } from './try_view.js';
import { Views } from './views.js';
import { WatchView } from './watch_view.js';

const TICK_MS = 500; // in which times in words grow older

function main(): void {
  const header = new Header();
  const banner = new Banner();
  const reach = new Reach();
  const restarts = new Restarts();
  const tryView = new TryView();
  const watchView = new WatchView();
  const views = new Views((shown) => {
    tryView.setShown(shown === 'try');
    watchView.setShown(shown === 'watch');
  });

  const writeReach = (): void => {
    const { away } = reach;
    const words = away === null ? null : awayWords(away, Date.now());
    banner.setAway(words);
    views.setAway(away !== null);
    tryView.setAway(away);
    watchView.setAway(away);
    document.body.classList.toggle('is-away', away !== null);
    if (words !== null) {
      header.show({ mood: 'bad', text: words.short, heard: words.heard });
    }
  };

  const poll = new Poll({
    onStatus: (status, at) => {
      reach.answered(at, status.draining);
      token.hide();
      writeReach();
      header.showStatus(status);
      const { started_ms: startedMs, uptime_ms: uptimeMs, version } = status;
      if (restarts.seen({ startedMs, uptimeMs, version, at })) {
        banner.tell(restarts.words);
        announce(restarts.words);
      }
      views.offer(status.demo, status.node);
      tryView.onStatus(status);
      watchView.onStatus(status);
    },
    onFailure: (error, at, askedAt) => {
      if (error.status === 401) {
        poll.stop();
        token.show();
        reach.found();
        writeReach();
        header.show({ mood: 'wait', text: 'a token is needed', heard: 'The gateway asks for its token' });
      } else {
        reach.failed(askedAt, error.status === 0 ? null : error.message);
        writeReach();
      }
      watchView.onFailure(at);
    },
  });
  const token = new TokenForm(() => {
    poll.start();
  });

  setInterval(() => {
    const late = lateWords(poll.askedAt, Date.now());
    if (reach.away !== null) {
      writeReach();
    } else if (late !== null) {
      header.remark(late);
    }
  }, TICK_MS);
  poll.start();
}

main();
