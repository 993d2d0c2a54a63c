/**
 * The first region translator against the interpreter on the 20 hottest blocks of a run, picked by counters: of GRUB (fetched; left out with
 * a message where it cannot be) and of a program of our own. Each block is replayed from a state that the run had at its head, until
 * control leaves what was translated (at most 4,000 instructions), many times, in a loop in wasm; what the loop itself costs is taken off.
 * Goal: three times faster in the mean.
 */
import {
  buildInterpreter,
  contextAddress,
  type Engine,
  ExitReason,
  type InterpreterImage,
} from "../core/cpu/mod.ts";
import { STEP_RECORDS } from "../core/cpu/context.ts";
import { type HotBlock, hotBlocks, SNAPSHOT_STATE } from "../core/cpu/profile.ts";
import { REC_BACK, REC_SLOT } from "../core/cpu/record.ts";
import { RegionTranslator } from "../core/cpu/region.ts";
import { TABLE_LIMITS } from "../core/cpu/runtime.ts";
import { restart, workload } from "../core/cpu/testing_workload.ts";
import { Decoded, Decoder, disassemble } from "../core/isa/mod.ts";
import { i32, ModuleBuilder } from "../core/wasm/mod.ts";
import { guestFile } from "../tests/guests.ts";
import { profileGrub } from "../tests/profiled_grub.ts";

const BLOCKS = 20;
const LONGEST = 4000;
const ROUNDS = 5;

interface Subject {
  readonly engine: Engine;
  readonly memory: WebAssembly.Memory;
  readonly ctx: number;
  readonly image: InterpreterImage;
  enter(block: HotBlock): void;
}

export interface RegionFigure {
  readonly block: HotBlock;
  readonly text: string;
  readonly instructions: number;
  readonly interpreterNs: number;
  readonly regionNs: number;
}

type Repeat = (ctx: number, snapshot: number, rec: number, left: number, n: number) => void;

/** The loop that replays: state back, head's handler. */
function driver({ engine, memory }: Subject): Repeat {
  const module = new ModuleBuilder("replay");
  module.importMemory("cpu", "memory", { initial: 1, maximum: 65536, shared: true });
  const table = module.importTable("cpu", "table", TABLE_LIMITS);
  const handler = module.type(["i32", "i32", "i32"], ["i32"]);
  const repeat = module.func(
    { name: "repeat", params: ["i32", "i32", "i32", "i32", "i32"], results: [] },
    (f, ctx, snapshot, rec, left, n) => {
      const count = f.paramLocal(4);
      f.loop((again) => {
        f.memoryCopy(ctx, snapshot, i32.const(SNAPSHOT_STATE));
        f.drop(f.callIndirect(table, handler, [ctx, rec, left], i32.load(rec, REC_SLOT)));
        f.set(count, i32.sub(n, 1));
        f.brIf(again, count.get());
      });
    },
  );
  module.export("repeat", repeat);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), {
    cpu: { memory, table: engine.exports.table },
  });
  return instance.exports.repeat as Repeat;
}

function replay(subject: Subject, repeat: Repeat, block: HotBlock): RegionFigure {
  const { engine, ctx, image } = subject;
  const { view } = engine;
  const translator = new RegionTranslator(engine, image);
  const inside = translator.offsets(block);
  // How long control stays in what is to be translated.
  subject.enter(block);
  const page = view.big(ctx, "codePage");
  let instructions = 0;
  while (instructions < LONGEST && engine.run(ctx, 1) === ExitReason.BUDGET) {
    instructions++;
    const at = view.big(ctx, "rip") - page;
    if (at < 0n || at > 4095n || !inside.has(Number(at))) break;
  }
  const length = view.u8[block.record + REC_BACK];
  const left = instructions - length;
  const rounds = Math.ceil(400_000 / instructions);
  const time = (rec: number, budget: number) => {
    repeat(ctx, block.snapshot, rec, budget, rounds);
    const measure = () => {
      const start = performance.now();
      repeat(ctx, block.snapshot, rec, budget, rounds);
      return (performance.now() - start) * 1e6 / rounds;
    };
    // The best: the machine has other work.
    return Math.min(...Array.from({ length: ROUNDS }, measure));
  };
  // The record behind a stepped instruction only leaves: what the loop costs.
  engine.step(ctx);
  const overhead = time(ctx + STEP_RECORDS + 32, 0);
  const interpreterNs = time(block.record, left) - overhead;
  translator.translate([block]);
  // Let V8 compile it in earnest.
  for (let i = 0; i < 20; i++) repeat(ctx, block.snapshot, block.record, left, rounds);
  const regionNs = time(block.record, left) - overhead;
  translator.remove(block);
  const decoded = new Decoded();
  new Decoder().decode(view.u8, block.frame * 4096 + block.offset, 15, 64, 4, decoded);
  const text = disassemble(decoded, 64, page + BigInt(block.offset));
  return { block, text, instructions, interpreterNs, regionNs };
}

/** Figures of each block; a subject of its own for each, since blocks change memory. */
function figures(hot: readonly HotBlock[], subject: () => Subject): RegionFigure[] {
  return hot.map((block) => {
    const one = subject();
    return replay(one, driver(one), block);
  });
}

export function workloadFigures(): RegionFigure[] {
  const image = buildInterpreter({ profile: true });
  const subject = () => {
    const m = workload({ image });
    restart(m);
    m.run(1 << 30);
    const { engine, memory, ctx, view } = m;
    const enter = ({ snapshot, offset }: HotBlock) => {
      view.u8.copyWithin(ctx, snapshot, snapshot + SNAPSHOT_STATE);
      view.setBig(ctx, "rip", view.big(ctx, "codePage") + BigInt(offset));
    };
    return { engine, memory, ctx, image, enter };
  };
  const { memory, engine } = subject();
  return figures(hotBlocks(memory.buffer, engine.layout, BLOCKS), subject);
}

export async function grubFigures(): Promise<RegionFigure[]> {
  const run = await profileGrub(await Deno.readFile(await guestFile("grub")), BLOCKS);
  const ctx = contextAddress(run.layout, 0);
  const view = run.replica().engine.view;
  console.log(`GRUB's run: ${view.number(ctx, "retired")} instructions`);
  return figures(run.hot, () => ({ ...run.replica(), image: run.image }));
}

function print(name: string, all: readonly RegionFigure[]): void {
  let product = 1;
  let sum = 0;
  for (const { block, text, instructions, interpreterNs, regionNs } of all) {
    const ratio = interpreterNs / regionNs;
    product *= ratio;
    sum += ratio;
    const at = `${block.frame.toString(16)}:${block.offset.toString(16).padStart(3, "0")}`.padStart(9);
    const each = (ns: number) => (ns / instructions).toFixed(2);
    console.log(
      `${at} ${String(instructions).padStart(5)} instructions, interpreter ${each(interpreterNs)} ns each, ` +
        `region ${each(regionNs)}: ${ratio.toFixed(1)} times faster  (${text})`,
    );
  }
  const mean = (sum / all.length).toFixed(1);
  const geometric = Math.pow(product, 1 / all.length).toFixed(1);
  console.log(
    `region translator on ${name}: ${mean} times faster in the mean of ${all.length} blocks (geometric ${geometric})`,
  );
}

if (import.meta.main) {
  print("a program of our own", workloadFigures());
  try {
    print("GRUB", await grubFigures());
  } catch (error) {
    console.log(`GRUB: not measured, ${error instanceof Error ? error.message : error}`);
  }
}
