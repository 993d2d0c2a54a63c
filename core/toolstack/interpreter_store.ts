/**
 * Keeps the generated interpreter between processes, a file for each version of what generates it. Whatever is wrong with a file or its folder costs only
 * the time to generate the interpreter again.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import v8 from "node:v8";
import type { InterpreterCode, InterpreterOptions, InterpreterStore } from "../cpu/interpreter.ts";
import { asset, GENERATOR_DIGEST, INTERPRETER_FOLDER, isSources } from "./assets.ts";
import { VERSION } from "./version.ts";

const MAGIC = "xenolith interpreter 1\n";
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 8;
const HEAD = MAGIC.length + LENGTH_BYTES + DIGEST_BYTES;
/** Files kept, the newest ones: those of a few versions, with and without debug options. */
const KEPT = 6;

function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Folders whose code decides what is generated, seen from this file. */
const SOURCES = ["../wasm/", "../isa/", "../cpu/"];

function* sourceFiles(folder: URL): Generator<URL> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    if (isDirectory) yield* sourceFiles(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield new URL(name, folder);
  }
}

/**
 * A digest of the code that generates the interpreter: of its sources, or the one that tools/compile
 * took of them and put beside the bundle's chunks.
 * @param self URL of this module
 * @returns undefined where the code cannot be read
 */
export function generatorDigest(self: string = import.meta.url): string | undefined {
  try {
    if (!self.endsWith("/core/toolstack/interpreter_store.ts")) {
      const digest = Deno.readTextFileSync(new URL(GENERATOR_DIGEST, self)).trim();
      return /^[0-9a-f]{64}$/.test(digest) ? digest : undefined;
    }
    const hash = createHash("sha256");
    for (const folder of SOURCES) {
      for (const file of sourceFiles(new URL(folder, self))) {
        hash.update(`${file.href.slice(self.length - "toolstack/interpreter_store.ts".length)}\0`).update(
          Deno.readFileSync(file),
        );
      }
    }
    return hash.digest("hex");
  } catch (error) {
    // No such file (code that came over the network), no permission: nothing tells which version this is.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** The kept code in `file`, or undefined when it is not whole. */
function parse(file: Uint8Array): InterpreterCode | undefined {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(HEAD, file.length));
  if (head.length < HEAD || head.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const payload = file.subarray(HEAD);
  if (head.readBigUInt64LE(MAGIC.length) !== BigInt(payload.length)) return undefined;
  if (!sha256(payload).equals(head.subarray(MAGIC.length + LENGTH_BYTES))) return undefined;
  // Only what this very version wrote has this digest under this file's name: the shape needs no check.
  const { code, slots, fused, sequences, leaves, ...rest } = v8.deserialize(payload) as InterpreterCode;
  // They come as views of the whole file, which each pCPU worker would be posted, and keep, with its tables: 11 MB with two workers.
  const own = {
    slots: slots.slice(),
    fused: fused.slice(),
    sequences: sequences.slice(),
    leaves: leaves.slice(),
  };
  return { code, ...own, ...rest };
}

function read(path: string): InterpreterCode | undefined {
  try {
    return parse(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function envelope(payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(HEAD);
  head.write(MAGIC, "latin1");
  head.writeBigUInt64LE(BigInt(payload.length), MAGIC.length);
  sha256(payload).copy(head, MAGIC.length + LENGTH_BYTES);
  return Buffer.concat([head, payload]);
}

export class FileInterpreterStore implements InterpreterStore {
  #digest: string | undefined;
  #isDigested = false;

  /**
   * @param directory need not exist
   * @param digestOf gives the generator's digest; undefined: nothing is kept
   * @param given a folder that is looked into first and never written: a bundle brings its interpreter along
   */
  constructor(
    private readonly directory: string,
    private readonly digestOf: () => string | undefined = () => generatorDigest(),
    private readonly given: string | undefined = isSources
      ? undefined
      : fileURLToPath(asset(INTERPRETER_FOLDER)),
  ) {}

  /** The file of an interpreter with some options; undefined when its version is not known. */
  path(options: InterpreterOptions): string | undefined {
    if (!this.#isDigested) {
      this.#digest = this.digestOf();
      this.#isDigested = true;
    }
    if (this.#digest === undefined) return undefined;
    const set = Object.entries(options).filter(([, value]) => value).sort(([a], [b]) => a < b ? -1 : 1);
    const key = sha256(JSON.stringify([VERSION, Deno.version.v8, this.#digest, set]));
    return join(this.directory, key.toString("hex", 0, 20));
  }

  load(options: InterpreterOptions): InterpreterCode | undefined {
    const path = this.path(options);
    if (path === undefined) return undefined;
    const given = this.given === undefined ? undefined : read(join(this.given, basename(path)));
    return given ?? read(path);
  }

  save(options: InterpreterOptions, code: InterpreterCode): void {
    const path = this.path(options);
    if (path === undefined) return;
    const fresh = `${path}.${Deno.pid}`;
    try {
      Deno.mkdirSync(this.directory, { recursive: true });
      try {
        Deno.writeFileSync(fresh, envelope(v8.serialize(code)));
        // Whoever reads sees all of it or nothing.
        Deno.renameSync(fresh, path);
      } catch (error) {
        this.#remove(fresh);
        throw error;
      }
      this.#prune();
    } catch (error) {
      // A full disk, a folder that may not be written: the next process generates it again.
      if (!(error instanceof Error)) throw error;
    }
  }

  #prune(): void {
    const files = [...Deno.readDirSync(this.directory)].map(({ name }) => {
      const path = join(this.directory, name);
      return { path, written: Deno.statSync(path).mtime?.getTime() ?? 0 };
    });
    files.sort((a, b) => b.written - a.written);
    for (const { path } of files.slice(KEPT)) this.#remove(path);
  }

  #remove(path: string): void {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
