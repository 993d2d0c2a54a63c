/** A self-extracting executable: a shell script, and behind it the Deno runtime and a bundle, compressed. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** A file of the program, by its path in the bundle. */
export interface BundledFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Contents {
  /** The deno program. */
  readonly runtime: Uint8Array;
  /** What `deno run` gets before the program. */
  readonly flags: readonly string[];
  /** The same with XENOLITH_BOUNDS_CHECKS=1. */
  readonly checkedFlags: readonly string[];
  readonly files: readonly BundledFile[];
  readonly version: string;
  /** As `uname -sm` prints it. */
  readonly system: string;
}

/** Digits of a number in the script, so that its length does not depend on what they say. */
const DIGITS = 10;
/** They are cut out by a shell script, which must not have to quote them. */
const PLAIN_PATH = /^[\w.-]+(\/[\w.-]+)*$/;

const compress = promisify<Uint8Array, { level: number }, Uint8Array>(gzip);

function fixed(value: number): string {
  return String(value).padStart(DIGITS, " ");
}

function digest(contents: Contents, stub: string): string {
  const hash = createHash("sha256").update(stub).update(
    JSON.stringify([contents.flags, contents.checkedFlags, contents.version]),
  );
  for (const { path, bytes } of [{ path: "", bytes: contents.runtime }, ...contents.files]) {
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Makes the executable.
 * @param stub the script with its @NAMES@ (stub.sh)
 * @param level of gzip, 1 to 9
 */
export async function selfExtracting(contents: Contents, stub: string, level = 9): Promise<Uint8Array> {
  const { runtime, files, flags, checkedFlags } = contents;
  for (const { path } of files) if (!PLAIN_PATH.test(path)) throw new Error(`a file's name: ${path}`);
  // Two halves, which two processors unpack at the same time.
  const half = runtime.length >>> 1;
  const app = concatenated(files.map(({ bytes }) => bytes));
  const [first, second, program] = await Promise.all(
    [runtime.subarray(0, half), runtime.subarray(half), app].map((part) => compress(part, { level })),
  );
  let at = 1;
  const cuts = files.map(({ path, bytes }) => {
    const line = `  cut_file "$1/files" ${at} ${bytes.length} ${path} || return 1`;
    at += bytes.length;
    return line;
  });
  const texts: Record<string, string> = {
    VERSION: contents.version,
    SYSTEM: contents.system,
    BUILD: digest(contents, stub),
    FLAGS: flags.join(" "),
    CHECKED: checkedFlags.join(" "),
    FILES: cuts.join("\n"),
    RUNTIME: String(runtime.length),
    NEEDED: String(Math.ceil((runtime.length * 1.5 + app.length * 2) / 1e6)),
  };
  const fill = (numbers: Record<string, string>) =>
    stub.replace(/@([A-Z]+)@/g, (_, name: string) => {
      const text = texts[name] ?? numbers[name];
      if (text === undefined) throw new Error(`the script names ${name}, which nobody knows`);
      return text;
    });
  const parts = { FIRST: first, SECOND: second, APP: program };
  // tail counts bytes from 1.
  const script = (start: number) => {
    let offset = start + 1;
    const numbers: Record<string, string> = {};
    for (const [name, bytes] of Object.entries(parts)) {
      numbers[name] = `${fixed(offset)} ${fixed(bytes.length)}`;
      offset += bytes.length;
    }
    return new TextEncoder().encode(fill({ ...numbers, SIZE: fixed(offset - 1) }));
  };
  const head = script(script(0).length);
  return concatenated([head, ...Object.values(parts)]);
}
