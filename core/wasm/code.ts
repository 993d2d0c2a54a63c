/**
 * The function bodies of a module, each written as soon as it is built: trees then die young, which is most of the speed.
 * An index that a later import moves is put right at the end.
 */
import { Encoder, TYPE_CODE } from "./encoder.ts";
import type { FunctionBuilder } from "./function.ts";
import { Writer } from "./writer.ts";

/** Where a body lies, and which of the fixups are in it. */
interface Body {
  start: number;
  end: number;
  fixups: [from: number, to: number];
}

const END = 0x0b;
const UNREACHABLE = 0x00;
const TERMINATORS = new Set([
  "return",
  "return_call",
  "return_call_indirect",
  "br",
  "br_table",
  "unreachable",
]);

export class Code {
  readonly #written = new Writer(65536);
  readonly #encoder: Encoder;
  readonly #bodies: (Body | undefined)[] = [];

  constructor(module: object) {
    this.#encoder = new Encoder(this.#written, module);
  }

  /** Writes the body of function number i (imports not counted). */
  add(i: number, f: FunctionBuilder): void {
    const fixups = this.#encoder.fixups.length;
    const start = this.#written.length;
    this.#locals(f);
    const statements = f.finish();
    this.#encoder.begin(f);
    this.#encoder.statements(statements);
    const last = statements.length === 0 ? "" : statements[statements.length - 1].op;
    if (f.signature.results.length > 0 && !TERMINATORS.has(last)) this.#written.byte(UNREACHABLE);
    this.#written.byte(END);
    this.#bodies[i] = { start, end: this.#written.length, fixups: [fixups, this.#encoder.fixups.length] };
  }

  #locals({ locals }: FunctionBuilder): void {
    const w = this.#written;
    let runs = 0;
    for (let i = 0; i < locals.length; i++) if (i === 0 || locals[i].type !== locals[i - 1].type) runs++;
    w.unsigned(runs);
    for (let i = 0; i < locals.length;) {
      let n = 1;
      while (i + n < locals.length && locals[i + n].type === locals[i].type) n++;
      w.unsigned(n);
      w.byte(TYPE_CODE[locals[i].type]);
      i += n;
    }
  }

  has(i: number): boolean {
    return this.#bodies[i] !== undefined;
  }

  /** Body i with its length, all indices final. */
  write(out: Writer, i: number): void {
    const { start, end, fixups: [from, to] } = this.#bodies[i]!;
    const fixups = this.#encoder.fixups.slice(from, to);
    const bytes = this.#written.bytes;
    const stale = fixups.some(({ at, ref }) => readUnsigned(bytes, at) !== ref.index);
    if (!stale) return out.sized(bytes.subarray(start, end));
    const fixed = new Writer(end - start + 64);
    let done = start;
    for (const { at, size, ref } of fixups) {
      fixed.append(bytes.subarray(done, at));
      fixed.unsigned(ref.index);
      done = at + size;
    }
    fixed.append(bytes.subarray(done, end));
    out.sized(fixed.view());
  }
}

function readUnsigned(bytes: Uint8Array, at: number): number {
  let n = 0;
  for (let shift = 0;; shift += 7) {
    const byte = bytes[at++];
    n |= (byte & 0x7f) << shift;
    if (byte < 0x80) return n;
  }
}
