// A WebSocket that lets the inspector see what passes through it, given to the SDK in place of the
// browser's own.

import { describeBinary, describeClose, describeFailedDial, describeOpen, describeText } from './frames.js';
import type { Asked, Described, Direction } from './frames.js';
import { codeWords } from './reasons.js';

export interface Seen extends Described {
  readonly direction: Direction;
  readonly line: number; // 1 is the client's first WebSocket
  readonly at: number; // performance.now()
}

export interface Listener {
  onDial(line: number): void;
  onSeen(seen: Seen): void;
}

function describe(data: unknown, asked: Asked): Described | null {
  if (typeof data === 'string') {
    return describeText(data);
  }
  if (data instanceof ArrayBuffer) {
    return describeBinary(new Uint8Array(data), asked);
  }
  if (ArrayBuffer.isView(data)) {
    return describeBinary(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), asked);
  }
  return null; // a Blob, which nobody here uses
}

export function tapped(listener: Listener): typeof WebSocket {
  let lines = 0;
  return class TappedWebSocket extends WebSocket {
    readonly #line: number;
    readonly #asked = new Map<number, string>(); // what is not answered yet
    #wasOpen = false;
    #isEnded = false; // by this side
    #isTold = false; // that it failed

    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      lines += 1;
      this.#line = lines;
      listener.onDial(lines);
      // Before the SDK hears of it: what it does next is the consequence.
      this.addEventListener('error', () => {
        if (!this.#wasOpen) {
          this.#tell('in', this.#end(0, ''));
          this.#isTold = true;
        }
      });
      this.addEventListener('open', () => {
        this.#wasOpen = true;
        this.#tell('in', describeOpen(this.protocol));
      });
      this.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        const described = describe(data, this.#asked);
        this.#asked.delete(described?.id ?? -1);
        this.#tell('in', described);
      });
      this.addEventListener('close', ({ code, reason }) => {
        if (!this.#isTold) {
          this.#tell('in', this.#end(code, reason));
        }
      });
    }

    override send(data: string | ArrayBufferLike | Blob | ArrayBufferView<ArrayBuffer>): void {
      super.send(data as string | ArrayBuffer);
      const described = describe(data, this.#asked);
      if (described?.id !== undefined) {
        this.#asked.set(described.id, described.kind);
      }
      this.#tell('out', described);
    }

    override close(code?: number, reason?: string): void {
      const isOpen = this.readyState === WebSocket.OPEN;
      this.#isEnded = true;
      if (code === undefined) {
        super.close();
      } else {
        super.close(code, reason);
      }
      if (isOpen) {
        this.#tell('out', describeClose(code ?? 1005, reason ?? '', 'this client ends the line'));
      }
    }

    #end(code: number, reason: string): Described {
      if (!this.#wasOpen) {
        return describeFailedDial(this.#isEnded);
      }
      const isUnanswered = this.#isEnded && code === 1006;
      return describeClose(code, reason, isUnanswered ? 'the Close was not answered' : codeWords(code));
    }

    #tell(direction: Direction, described: Described | null): void {
      if (described !== null) {
        listener.onSeen({ ...described, direction, line: this.#line, at: performance.now() });
      }
    }
  };
}
