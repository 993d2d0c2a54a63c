/** Stack: PUSH, POP and their families, ENTER, LEAVE. Sizes of operand and stack are independent outside 64-bit mode. */
import { i32 } from "../../wasm/mod.ts";
import { instruction } from "../instruction.ts";
import { Flag, type Int, type Machine, Reg, type WordSize } from "../meaning.ts";

export const push = instruction("push", {
  encodings: ["50+r Zv [d64]", "FF /6 Ev [d64]", "6A Ibs [d64]", "68 Iz [d64]"],
  access: ["r"],
  stack: true,
  meaning(m, src) {
    m.push(src.read());
  },
});

export const pop = instruction("pop", {
  encodings: ["58+r Zv [d64]", "8F /0 Ev [d64] [pop]"],
  access: ["w"],
  stack: true,
  meaning(m, dst) {
    if (dst.kind === "reg") {
      // POP rSP: the value popped wins.
      dst.write(m.pop());
      return;
    }
    const pointer = m.stackPointer();
    dst.write(m.load(m.opSize, "ss", pointer));
    m.setStackPointer(m.add(pointer, m.opSize));
  },
});

const BY_SIZE: [string, number][] = [["", 16], ["d", 32], ["q", 64]];
const sizedName = (stem: string, suffix: string) => stem + (suffix || "w");

export const pushf = BY_SIZE.map(([suffix, bits]) =>
  instruction(sizedName("pushf", suffix), {
    encodings: [`9C [d64] [op${bits}]`],
    aliases: ["pushf"],
    stack: true,
    flags: { reads: "OSZAPCDITNLKV" },
    meaning(m) {
      m.push(m.zeroExtend(i32.and(m.flags.image(), ~(Flag.RF | Flag.VM)), m.opSize));
    },
  })
);

export const popf = BY_SIZE.map(([suffix, bits]) =>
  instruction(sizedName("popf", suffix), {
    encodings: [`9D [d64] [op${bits}]`],
    aliases: ["popf"],
    stack: true,
    flow: "leave",
    flags: { writes: "OSZAPCDTN", mayWrite: "ILKV" },
    meaning(m) {
      const free = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.TF | Flag.DF | Flag.OF | Flag.NT |
        (m.opSize === 2 ? 0 : Flag.AC | Flag.ID | Flag.RF);
      const image = m.pop();
      const cpl = m.let(m.state("cpl"));
      const iopl = i32.and(i32.shr_u(m.state("eflags"), 12), 3);
      const mask = i32.or(
        free,
        i32.or(
          i32.select(i32.le_u(cpl, iopl), Flag.IF, 0),
          i32.select(i32.eqz(cpl), Flag.IOPL, 0),
        ),
      );
      m.flags.load(i32.and(m.i32(image), ~Flag.RF), mask);
    },
  })
);

const wrapped = (m: Machine, pointer: Int, distance: number): Int =>
  m.truncate(m.add(pointer, distance), m.stackSize);

export const pusha = BY_SIZE.slice(0, 2).map(([suffix, bits]) =>
  instruction(sizedName("pusha", suffix), {
    encodings: [`60 [i64] [op${bits}]`],
    aliases: ["pusha"],
    stack: true,
    meaning(m) {
      const pointer = m.stackPointer();
      for (let n = 7; n >= 0; n--) {
        m.store(m.opSize, "ss", wrapped(m, pointer, (n - 8) * m.opSize), m.reg(7 - n, m.opSize));
      }
      m.setStackPointer(m.sub(pointer, 8 * m.opSize));
    },
  })
);

export const popa = BY_SIZE.slice(0, 2).map(([suffix, bits]) =>
  instruction(sizedName("popa", suffix), {
    encodings: [`61 [i64] [op${bits}]`],
    aliases: ["popa"],
    stack: true,
    meaning(m) {
      const pointer = m.stackPointer();
      const values = Array.from(
        { length: 8 },
        (_, n) => n === 3 ? undefined : m.load(m.opSize, "ss", wrapped(m, pointer, n * m.opSize)),
      );
      values.forEach((value, n) => value && m.setReg(7 - n, m.opSize, value));
      m.setStackPointer(m.add(pointer, 8 * m.opSize));
    },
  })
);

export const leave = instruction("leave", {
  encodings: ["C9 [d64]"],
  stack: true,
  meaning(m) {
    const frame = m.reg(Reg.rbp, m.stackSize);
    const saved = m.load(m.opSize, "ss", frame);
    m.setStackPointer(m.add(frame, m.opSize));
    m.setReg(Reg.rbp, m.opSize, saved);
  },
});

export const enter = instruction("enter", {
  encodings: ["C8 Iw,Ib [d64]"],
  access: ["r", "r"],
  stack: true,
  meaning(m, allocation, nesting) {
    const { opSize, stackSize } = m;
    const level = m.let(i32.and(m.i32(nesting.read()), 31));
    const type = stackSize === 8 ? "i64" : "i32";
    const pointer = m.variable(type, m.stackPointer());
    const pushed = (value: Int) => {
      pointer.set(wrapped(m, pointer.get(), -opSize));
      m.store(opSize, "ss", pointer.get(), value);
    };
    pushed(m.reg(Reg.rbp, opSize));
    // On a 16-bit stack the rest of ESP belongs to a 32-bit frame pointer too.
    const narrow = opSize === 4 && stackSize === 2;
    const frame = pointer.get();
    const whole = m.let(narrow ? m.or(m.and(m.reg(Reg.rsp, 4), 0xffff0000), frame) : frame);
    m.if(level, () => {
      const outer = m.variable(type, m.reg(Reg.rbp, stackSize));
      const left = m.variable("i32", i32.sub(level, 1));
      m.loop(({ again }) => {
        m.if(left.get(), () => {
          outer.set(wrapped(m, outer.get(), -opSize));
          pushed(m.load(opSize, "ss", outer.get()));
          left.set(i32.sub(left.get(), 1));
          again();
        });
      });
      pushed(m.zeroExtend(whole, opSize));
    });
    const end = m.let(
      m.truncate(m.sub(pointer.get(), m.zeroExtend(allocation.read(), stackSize)), stackSize),
    );
    // The processor touches the new top of the stack for writing.
    m.probeWrite(opSize, "ss", end);
    const width = narrow ? 4 : Math.min(opSize, stackSize) as WordSize;
    m.setReg(Reg.rbp, width, m.truncate(whole, width));
    m.setStackPointer(end);
  },
});
