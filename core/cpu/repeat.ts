/** REP: a meaning of one iteration, rCX times, or until ZF says otherwise. */
import type { Form } from "../isa/forms.ts";
import type { Size } from "../isa/meaning.ts";
import { type I32, i32, type I64, i64 } from "../wasm/mod.ts";
import { CTX, SEGMENT_BASE } from "./context.ts";
import { ExitReason } from "./exit.ts";
import type { CodeMachine } from "./machine.ts";
import type { RegisterPlace } from "./operands.ts";

/** A fault or an interrupt between iterations finds the registers where they are. */
export function emitRepeated(machine: CodeMachine, form: Form): void {
  const { f, ctx, flags } = machine;
  machine.form = form;
  const { addrSize } = machine;
  const counter = machine.general(1);
  flags.fork();
  f.block((done) => {
    f.brIf(done, machine.eqz(counter.read(addrSize)));
    f.loop((again) => {
      flags.forget();
      emitBulk(machine, counter);
      f.brIf(done, machine.eqz(counter.read(addrSize)));
      machine.scoped(() => machine.emit(form));
      const rest = machine.let(machine.truncate(machine.sub(counter.read(addrSize), 1), addrSize));
      counter.write(addrSize, rest);
      flags.join();
      if (form.instruction.repeat === "while") {
        const zero = flags.get("ZF");
        f.brIf(done, form.rep === "rep" ? i32.eqz(zero) : zero);
      }
      f.brIf(done, machine.eqz(rest));
      f.if(i32.load(ctx, CTX.kick), () => machine.leave(ExitReason.KICK));
      f.br(again);
    });
  });
  flags.forget();
}

/** MOVS and STOS move whatever lies in one page at once. */
function emitBulk(machine: CodeMachine, counter: RegisterPlace): void {
  const { form, f, ctx } = machine;
  const kind = /^(movs|stos)[bwdq]$/.exec(form.instruction.name)?.[1];
  if (kind === undefined || machine.addrSize !== 8) return;
  const { bulk } = machine.runtime;
  const size = form.operands.find((operand) => operand.from === "destination")!.size;
  const rdi = machine.general(7);
  const total = f.let(counter.read(8) as I64);
  const to = f.let(rdi.read(8) as I64);
  let moved: I32;
  if (kind === "movs") {
    const rsi = machine.general(6);
    const from = f.let(rsi.read(8) as I64);
    const base = f.let(i64.load(i32.add(ctx, machine.dataSegment()), CTX.es + SEGMENT_BASE));
    moved = f.call(bulk.move, [ctx, i64.add(from, base), to, total, i32.const(size)]);
    const bytes = f.let(i64.extend_i32_u(i32.mul(moved, size)));
    rsi.write(8, i64.add(from, bytes));
    rdi.write(8, i64.add(to, bytes));
  } else {
    const value = f.let(machine.i64(machine.general(0).read(size as Size)));
    moved = f.call(bulk.fill, [ctx, to, total, i32.const(size), value]);
    rdi.write(8, i64.add(to, i64.extend_i32_u(i32.mul(moved, size))));
  }
  counter.write(8, i64.sub(total, i64.extend_i32_u(moved)));
}
