// Which views there are, and which of them is shown.

import { byId } from './dom.js';

export type ViewName = 'try' | 'watch';

const TITLES: Readonly<Record<ViewName, string>> = { try: 'Try it', watch: 'Watch it' };
const NAMES = Object.keys(TITLES) as ViewName[];

// Without --demo a gateway serves people, and plays no faults.
export function viewsOf(demo: boolean): readonly ViewName[] {
  return demo ? ['try', 'watch'] : ['watch'];
}

// `hash` is the address's, which may name a view that is not there, or a part of the page.
export function viewFor(hash: string, there: readonly ViewName[], shown: ViewName | null): ViewName {
  const named = there.find((name) => hash === `#${name}`);
  const kept = hash !== '' && shown !== null && there.includes(shown) ? shown : there[0];
  return named ?? kept ?? 'watch';
}

export class Views {
  private readonly onShown: (shown: ViewName) => void;
  private there: readonly ViewName[] = []; // none before the gateway has said so
  private shown: ViewName | null = null;
  private node: string | null = null;
  private away = false;

  constructor(onShown: (shown: ViewName) => void) {
    this.onShown = onShown;
    addEventListener('hashchange', () => {
      this.route();
    });
    // An address that names the content in place of the view would lose the view when it is loaded again.
    byId('skip').addEventListener('click', (event) => {
      event.preventDefault();
      byId('main').focus();
    });
  }

  // What the gateway has: the first call shows a view.
  offer(demo: boolean, node: string): void {
    const there = viewsOf(demo);
    if (there.length !== this.there.length) {
      this.there = there;
      byId('views').hidden = there.length < 2;
      this.route();
    }
    if (node !== this.node) {
      this.node = node;
      this.writeTitle();
    }
  }

  // The tab says it too.
  setAway(away: boolean): void {
    if (away !== this.away) {
      this.away = away;
      this.writeTitle();
    }
  }

  private route(): void {
    if (this.there.length === 0) {
      return;
    }
    const shown = viewFor(location.hash, this.there, this.shown);
    if (location.hash !== '' && location.hash !== `#${shown}`) {
      history.replaceState(null, '', `#${shown}`);
    }
    this.shown = shown;
    for (const name of NAMES) {
      byId(`view-${name}`).hidden = name !== shown;
      const link = byId(`to-${name}`);
      if (name === shown) {
        link.setAttribute('aria-current', 'page');
      } else {
        link.removeAttribute('aria-current');
      }
    }
    this.writeTitle();
    this.onShown(shown);
  }

  private writeTitle(): void {
    const first = this.away ? 'Away' : this.shown === null ? null : TITLES[this.shown];
    document.title = [first, this.node, 'Tidegate'].filter((part) => part !== null).join(' – ');
  }
}
