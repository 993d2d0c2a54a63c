/**
 * What guests write to their consoles, in files, as xenconsoled keeps them with --log=guest: `console/guest-NAME.log` below the log folder, appended to,
 * nothing added. A file that cannot be written is given up with a word in xend's log; no guest notices.
 */
import { join } from "node:path";
import type { XendLog } from "./log.ts";

/** Domain's names may have what no file's name has. */
const fileName = (name: string) => `guest-${name.replaceAll(/[/\0%]/g, encodeURIComponent)}.log`;

export class GuestLogs {
  /** By uuid; undefined: given up. */
  readonly #files = new Map<string, Deno.FsFile | undefined>();

  readonly #folder: string;

  /** Makes their folder at once, for whoever waits for a log in it. @param folder xend's log folder */
  constructor(folder: string, private readonly log: Pick<XendLog, "warning">) {
    this.#folder = join(folder, "console");
    try {
      Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      this.#giveUp("every domain", error);
    }
  }

  write({ uuid, name }: { readonly uuid: string; readonly name: string }, bytes: Uint8Array): void {
    if (!this.#files.has(uuid)) this.#files.set(uuid, this.#open(name));
    const file = this.#files.get(uuid);
    if (file === undefined) return;
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    } catch (error) {
      this.#giveUp(name, error);
      file.close();
      this.#files.set(uuid, undefined);
    }
  }

  #open(name: string): Deno.FsFile | undefined {
    try {
      return Deno.openSync(join(this.#folder, fileName(name)), { append: true, create: true, mode: 0o600 });
    } catch (error) {
      this.#giveUp(name, error);
      return undefined;
    }
  }

  #giveUp(name: string, error: unknown): void {
    this.log.warning(
      `${name}: its console is not logged any more: ${error instanceof Error ? error.message : error}`,
    );
  }

  /** The domain is gone, or shut down: one that starts again appends. */
  close(uuid: string): void {
    this.#files.get(uuid)?.close();
    this.#files.delete(uuid);
  }
}
