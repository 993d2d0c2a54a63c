/** One xend for each run directory: a file lock, which the system takes back however its holder ends. */

/** Another xend holds the lock. */
export class LockHeld extends Error {
  override readonly name = "LockHeld";

  constructor(path: string, readonly pid: number | undefined) {
    super(
      pid === undefined
        ? `another xend is running: it holds ${path}`
        : `another xend is running, with pid ${pid}: it holds ${path}`,
    );
  }
}

export class XendLock implements Disposable {
  private constructor(private readonly file: Deno.FsFile) {}

  /** @throws LockHeld */
  static async take(path: string): Promise<XendLock> {
    const file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o644 });
    try {
      if (!await file.tryLock(true)) {
        const text = new TextDecoder().decode(readAll(file)).trim();
        throw new LockHeld(path, /^\d+$/.test(text) ? Number(text) : undefined);
      }
      file.truncateSync(0);
      file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
      return new XendLock(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The file stays: removing it would let two others hold two files of the same name. */
  [Symbol.dispose](): void {
    this.file.truncateSync(0);
    this.file.close();
  }
}

function readAll(file: Deno.FsFile): Uint8Array {
  const buffer = new Uint8Array(64);
  return buffer.subarray(0, file.readSync(buffer) ?? 0);
}
