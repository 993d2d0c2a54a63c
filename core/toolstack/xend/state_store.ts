/** xend's records on disk: managed domains, and the domains that run, so that a xend that was killed leaves word of what it ran. */
import { basename, join } from "node:path";
import { z } from "zod";
import { createRequestSchema } from "../api/schemas.ts";

const recordSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1),
  uuid: z.uuid(),
  request: createRequestSchema,
  /** Of a record in `running`. */
  domid: z.int().positive().optional(),
  startedAt: z.number().optional(),
  /** xend starts it again after it was killed. */
  startWithXend: z.boolean().optional(),
});

/** A domain as it is kept. */
export type DomainRecordFile = z.infer<typeof recordSchema>;

/** `domains`: managed ones. `running`: those that run now. */
export type RecordKind = "domains" | "running";

/** What the store needs of a file system; a test has one that is full. */
export interface StateFiles {
  /** Names in a folder; none when there is no folder. */
  list(folder: string): string[];
  read(path: string): string;
  /** Writes a new file, through to the disk. */
  write(path: string, text: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  makeFolder(path: string): void;
}

function writeThrough(path: string, text: string): void {
  const file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
  try {
    for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
      rest = rest.subarray(file.writeSync(rest));
    }
    file.syncSync();
  } finally {
    file.close();
  }
}

export const systemFiles: StateFiles = {
  list(folder) {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  },
  read: (path) => Deno.readTextFileSync(path),
  write: writeThrough,
  rename: (from, to) => Deno.renameSync(from, to),
  remove: (path) => Deno.removeSync(path),
  makeFolder: (path) => Deno.mkdirSync(path, { recursive: true, mode: 0o700 }),
};

/** A file that could not be read as a record, and where it lies now. */
export interface SetAside {
  readonly path: string;
  readonly movedTo: string;
  readonly reason: string;
}

const TEMPORARY = ".new";

export class StateStore {
  constructor(readonly directory: string, private readonly files: StateFiles = systemFiles) {}

  #path(kind: RecordKind, uuid: string): string {
    return join(this.directory, kind, `${uuid}.json`);
  }

  /**
   * Puts a record in the place of the one before in one step: whenever the machine stops, one of the two is there.
   * @throws Error when it cannot be written; what was there before is untouched then
   */
  save(kind: RecordKind, record: DomainRecordFile): void {
    const path = this.#path(kind, record.uuid);
    this.files.makeFolder(join(this.directory, kind));
    try {
      this.files.write(path + TEMPORARY, JSON.stringify(record, undefined, 2) + "\n");
      this.files.rename(path + TEMPORARY, path);
    } catch (error) {
      this.#removeIfThere(path + TEMPORARY);
      throw error;
    }
  }

  remove(kind: RecordKind, uuid: string): void {
    this.#removeIfThere(this.#path(kind, uuid));
  }

  #removeIfThere(path: string): void {
    try {
      this.files.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** All records of a kind. What is not one is moved to `corrupt` and named; half-written files are removed. */
  load(kind: RecordKind): { records: DomainRecordFile[]; setAside: SetAside[] } {
    const folder = join(this.directory, kind);
    const records: DomainRecordFile[] = [], setAside: SetAside[] = [];
    for (const name of this.files.list(folder).sort()) {
      const path = join(folder, name);
      if (name.endsWith(TEMPORARY)) {
        this.#removeIfThere(path);
        continue;
      }
      if (!name.endsWith(".json")) continue;
      try {
        const record = recordSchema.parse(JSON.parse(this.files.read(path)));
        if (`${record.uuid}.json` !== name) throw new Error(`it holds the domain ${record.uuid}`);
        records.push(record);
      } catch (error) {
        setAside.push(this.#setAside(path, error));
      }
    }
    return { records, setAside };
  }

  #setAside(path: string, error: unknown): SetAside {
    const folder = join(this.directory, "corrupt");
    const movedTo = join(folder, `${Date.now()}-${basename(path)}`);
    const reason = error instanceof z.ZodError
      ? z.prettifyError(error)
      : error instanceof Error
      ? error.message
      : String(error);
    try {
      this.files.makeFolder(folder);
      this.files.rename(path, movedTo);
    } catch (moving) {
      return { path, movedTo: path, reason: `${reason}; it cannot be moved away: ${moving}` };
    }
    return { path, movedTo, reason };
  }
}
