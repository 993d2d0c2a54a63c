/**
 * What Ink takes for its terminal: with `debug: true` it writes each frame whole, as one string, and these streams hand it on. Ink's standard
 * input stays silent: keys come from input.ts.
 */
import { EventEmitter } from "node:events";

/** Frames by Ink; what else it writes (cursor modes, the empty write that it waits for) is not for the terminal. */
export class FrameStream extends EventEmitter {
  readonly isTTY = true;
  readonly writable = true;
  readonly destroyed = false;
  readonly writableEnded = false;

  constructor(public columns: number, public rows: number, private readonly onFrame: (text: string) => void) {
    super();
  }

  write(text: string, callback?: () => void): boolean {
    const isFrame = text !== "" && text !== "\n" && !text.startsWith("\x1b[?");
    if (isFrame) this.onFrame(text);
    if (callback !== undefined) queueMicrotask(callback);
    return true;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emit("resize");
  }
}

/** A terminal at which nobody types. */
export class SilentInput extends EventEmitter {
  readonly isTTY = true;

  setRawMode(): this {
    return this;
  }

  setEncoding(): this {
    return this;
  }

  read(): null {
    return null;
  }

  resume(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
