/**
 * The first region translator against the interpreter on the 20 hottest blocks of a run, picked by counters. Each block is replayed from
 * a state that the run had at its head, until control leaves what was translated (at most 4,000 instructions), many times, in a loop in
 * wasm; what the loop itself costs is taken off. Goal: three times faster in the mean.
 */
import { buildInterpreter, CTX, type InterpreterImage } from "../core/cpu/mod.ts";
import { type HotBlock, hotBlocks } from "../core/cpu/profile.ts";
import { RegionTranslator } from "../core/cpu/region.ts";
import { STEP_RECORDS } from "../core/cpu/context.ts";
import { REC_BACK, REC_SLOT } from "../core/cpu/record.ts";
import { TABLE_LIMITS } from "../core/cpu/runtime.ts";
import type { TestMachine } from "../core/cpu/testing.ts";
import { restart, workload } from "../core/cpu/testing_workload.ts";
import { Decoded, Decoder, disassemble } from "../core/isa/mod.ts";
import { i32, ModuleBuilder } from "../core/wasm/mod.ts";

const BLOCKS = 20;
const LONGEST = 4000;
/** Bytes of a context that a replay puts back: registers, flags. */
const STATE_BYTES = CTX.tlb;

type Repeat = (ctx: number, snapshot: number, rec: number, left: number, n: number) => void;

/** The loop that replays: state back, head's handler. */
function driver(m: TestMachine): Repeat {
  const module = new ModuleBuilder("replay");
  module.importMemory("cpu", "memory", { initial: 1, maximum: 65536, shared: true });
  const table = module.importTable("cpu", "table", TABLE_LIMITS);
  const handler = module.type(["i32", "i32", "i32"], ["i32"]);
  const repeat = module.func(
    { name: "repeat", params: ["i32", "i32", "i32", "i32", "i32"], results: [] },
    (f, ctx, snapshot, rec, left, n) => {
      const count = f.paramLocal(4);
      f.loop((again) => {
        f.memoryCopy(ctx, snapshot, i32.const(STATE_BYTES));
        f.drop(f.callIndirect(table, handler, [ctx, rec, left], i32.load(rec, REC_SLOT)));
        f.set(count, i32.sub(n, 1));
        f.brIf(again, count.get());
      });
    },
  );
  module.export("repeat", repeat);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), {
    cpu: { memory: m.memory, table: m.engine.exports.table },
  });
  return instance.exports.repeat as Repeat;
}

/** Runs on until rip stands at a block's head; false: the program ended. */
function reach(m: TestMachine, rip: bigint): boolean {
  for (let n = 0; n < 2_000_000; n++) {
    if (m.rip === rip) return true;
    if (m.run(1) !== 1) return false;
  }
  return false;
}

function best(measure: () => number): number {
  return Math.min(...Array.from({ length: 5 }, measure));
}

export interface RegionFigure {
  block: HotBlock;
  text: string;
  instructions: number;
  interpreterNs: number;
  regionNs: number;
}

function replay(image: InterpreterImage, which: number): RegionFigure | undefined {
  const m = workload({ image });
  restart(m);
  m.run(1 << 30);
  const block = hotBlocks(m.memory.buffer, m.layout, BLOCKS)[which];
  const rip = 0x400000n + BigInt((block.frame - 1) * 4096 + block.offset);
  restart(m);
  if (!reach(m, rip)) return undefined;
  const { ctx, view } = m;
  const snapshot = m.layout.engine + 2048;
  view.set64(ctx, "codePage", Number(rip & ~0xfffn), 0);
  view.u8.copyWithin(snapshot, ctx, ctx + STATE_BYTES);
  // How long control stays in what would be translated.
  const translator = new RegionTranslator(m.engine, image);
  const inside = translator.offsets(block);
  let instructions = 0;
  const first = rip & ~0xfffn;
  do {
    m.run(1);
    instructions++;
    const at = Number(m.rip - first);
    if (at < 0 || at > 4095 || !inside.has(at)) break;
  } while (instructions < LONGEST);
  const repeat = driver(m);
  const length = view.u8[block.record + REC_BACK];
  const left = Math.max(0, instructions - length);
  const rounds = Math.ceil(400_000 / instructions);
  const time = (rec: number, budget: number) => {
    repeat(ctx, snapshot, rec, budget, rounds);
    return best(() => {
      const start = performance.now();
      repeat(ctx, snapshot, rec, budget, rounds);
      return (performance.now() - start) * 1e6 / rounds;
    });
  };
  // A record that only leaves: what the loop costs.
  const empty = ctx + STEP_RECORDS + 32;
  m.step();
  const overhead = time(empty, 0);
  const interpreterNs = time(block.record, left) - overhead;
  translator.translate([block]);
  // Let V8 compile it in earnest.
  for (let i = 0; i < 20; i++) repeat(ctx, snapshot, block.record, left, rounds);
  const regionNs = time(block.record, left) - overhead;
  const decoded = new Decoded();
  new Decoder().decode(m.bytes(block.frame, block.offset, 15), 0, 15, 64, 4, decoded);
  const text = disassemble(decoded, 64, rip);
  return { block, text, instructions, interpreterNs, regionNs };
}

export function regionFigures(): RegionFigure[] {
  const image = buildInterpreter({ profile: true });
  return Array.from({ length: BLOCKS }, (_, i) => replay(image, i)).filter((figure) => figure !== undefined);
}

if (import.meta.main) {
  const figures = regionFigures();
  let product = 1;
  let sum = 0;
  for (const { block, text, instructions, interpreterNs, regionNs } of figures) {
    const ratio = interpreterNs / regionNs;
    product *= ratio;
    sum += ratio;
    const at = block.offset.toString(16).padStart(4);
    const each = (interpreterNs / instructions).toFixed(2);
    console.log(
      `${at} ${String(instructions).padStart(5)} instructions, interpreter ${each} ns each, ` +
        `region ${(regionNs / instructions).toFixed(2)}: ${ratio.toFixed(1)} times faster  (${text})`,
    );
  }
  const mean = sum / figures.length;
  const geometric = Math.pow(product, 1 / figures.length);
  console.log(
    `region translator: ${mean.toFixed(1)} times faster in the mean (geometric ${geometric.toFixed(1)})`,
  );
}
