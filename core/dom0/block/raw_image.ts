/** A raw image: a file or a block device whose bytes are the disk's. Reads and writes leave this thread (they are Deno's asynchronous ones), one after the other. */
import { type BlockImage, SECTOR_BYTES } from "./image.ts";

export class RawImage implements BlockImage {
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly file: Deno.FsFile,
    readonly path: string,
    readonly sectors: number,
    readonly readOnly: boolean,
    /** Which file it is, whatever its path. */
    readonly identity: string,
  ) {}

  /** @throws Error in the user's words: absent, not allowed, no file or block device, empty */
  static open(path: string, readOnly: boolean): RawImage {
    const file = Deno.openSync(path, { read: true, write: !readOnly });
    try {
      const { isFile, isBlockDevice, dev, ino, rdev } = file.statSync();
      if (!isFile && !isBlockDevice) throw new Error("it is neither a file nor a block device");
      const sectors = Math.floor(file.seekSync(0, Deno.SeekMode.End) / SECTOR_BYTES);
      if (sectors === 0) throw new Error("it is smaller than a sector of 512 bytes");
      return new RawImage(file, path, sectors, readOnly, isFile ? `${dev}:${ino}` : `device ${rdev}`);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  read(sector: number, into: Uint8Array): Promise<void> {
    return this.#next(async () => {
      this.file.seekSync(sector * SECTOR_BYTES, Deno.SeekMode.Start);
      for (let done = 0; done < into.length;) {
        const count = await this.file.read(into.subarray(done));
        if (count === null) throw new Error(`${this.path} has become shorter`);
        done += count;
      }
    });
  }

  write(sector: number, from: Uint8Array): Promise<void> {
    return this.#next(async () => {
      this.file.seekSync(sector * SECTOR_BYTES, Deno.SeekMode.Start);
      for (let done = 0; done < from.length;) done += await this.file.write(from.subarray(done));
    });
  }

  flush(): Promise<void> {
    return this.#next(() => this.file.syncData());
  }

  close(): void {
    this.#next(() => Promise.resolve(this.file.close())).catch(() => {});
  }

  /** A file has one position: an operation begins when the one before it is done, well or not. */
  #next(action: () => Promise<void>): Promise<void> {
    const result = this.#last.then(action, action);
    this.#last = result.catch(() => {});
    return result;
  }
}
