// Asks for the gateway's status once a second, while somebody can see the page.

import { ApiError, getStatus } from './api.js';
import type { Status } from './api_types.js';

export const POLL_MS = 1000;

export interface Listener {
  onStatus(status: Status, at: number): void;
  onFailure(error: ApiError, at: number): void;
}

export class Poll {
  private readonly listener: Listener;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  private stopped = false;

  constructor(listener: Listener) {
    this.listener = listener;
    document.addEventListener('visibilitychange', () => {
      this.schedule(0);
    });
  }

  start(): void {
    this.stopped = false;
    this.schedule(0);
  }

  // Until start(): nothing is asked of who wants a token first.
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private schedule(delayMs: number): void {
    clearTimeout(this.timer);
    if (!this.stopped && !document.hidden && !this.asking) {
      this.timer = setTimeout(() => void this.ask(), delayMs);
    }
  }

  private async ask(): Promise<void> {
    const asked = performance.now();
    this.asking = true;
    const answer = await getStatus().catch((error: unknown) =>
      error instanceof ApiError ? error : new ApiError(0, String(error)),
    );
    this.asking = false;
    if (answer instanceof ApiError) {
      this.listener.onFailure(answer, Date.now());
    } else {
      this.listener.onStatus(answer, Date.now());
    }
    // From question to question, so that answers that take long are not asked for more often.
    this.schedule(Math.max(0, POLL_MS - (performance.now() - asked)));
  }
}
