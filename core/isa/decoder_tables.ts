/** The decoder's tables, made from the descriptions: typed arrays, one row an encoding, and lists of candidates an opcode. */
import type { Encoding } from "./encoding.ts";
import { operandSize, type OperandSpec } from "./encoding.ts";
import { type Form, forms, MODES, SIZES } from "./forms.ts";
import { instructions } from "./instruction.ts";

/** How an operand's register number is decoded. */
export const Action = {
  none: 0,
  /** ModRM.reg with REX.R */
  reg: 1,
  regByte: 2,
  /** ModRM.rm with REX.B, when mod is 3 */
  rm: 3,
  rmByte: 4,
  /** Low three bits of the opcode with REX.B */
  opcode: 5,
  opcodeByte: 6,
  /** ModRM.reg, at most 5 */
  segment: 7,
  /** Segment register that is written: not CS */
  segmentTarget: 8,
  control: 9,
  debug: 10,
  fixed: 11,
  /** ModRM.reg, rm, without REX (MMX, x87) */
  regPlain: 12,
  rmPlain: 13,
} as const;

/** How immediates follow. */
export const Immediate = {
  none: 0,
  byte: 1,
  byteSigned: 2,
  word: 3,
  /** 2 or 4 bytes; sign-extended at operand size 8 */
  z: 4,
  /** 2, 4 or 8 bytes */
  v: 5,
  relByte: 6,
  relZ: 7,
  offset: 8,
  far: 9,
  wordByte: 10,
  constant: 11,
} as const;

/** Radix positions of the form index of an encoding. */
const DIMENSIONS = { opSize: 3, memory: 2, addrSize: 3, stackSize: 3, lock: 2, rep: 3, mode: 3 } as const;
type Dimension = keyof typeof DIMENSIONS;

export interface DecoderTables {
  /** First entry in `targets` for (map << 8 | opcode) << 2 | mandatory prefix (0 none, 1 66, 2 F3, 3 F2), or -1: #UD. */
  readonly leaves: Int32Array;
  /** For each leaf: 1 when a ModRM byte follows, 2 when its mod is taken as 3. Same index as `leaves`. */
  readonly hasModrm: Uint8Array;
  /** A leaf's 16 lists (ModRM.reg, + 8 when mod is 3), or one: index of the first candidate in `candidates`, 0 for none. */
  readonly targets: Int32Array;
  /** Lists of encodings, each ended by -1. */
  readonly candidates: Int16Array;
  // By encoding.
  readonly modes: Uint8Array;
  readonly sizing: Uint8Array;
  readonly opSizes: Uint8Array;
  readonly addrSizes: Uint8Array;
  readonly fixedModrm: Int16Array;
  readonly needsNoRexB: Uint8Array;
  readonly popAddress: Uint8Array;
  readonly immediate: Uint8Array;
  /** 2: the constant; otherwise unused */
  readonly constant: Uint8Array;
  /** Four actions an encoding, and the register of Action.fixed. */
  readonly actions: Uint8Array;
  readonly fixed: Uint8Array;
  /** Form numbers: formTable[formBase[e] + sum of value * stride]; -1: #UD. */
  readonly formTable: Int16Array;
  readonly formBase: Int32Array;
  readonly strides: Readonly<Record<Dimension, Int32Array>>;
  /** Operand size by sizing << 4 | mode index << 2 | 66 << 1 | REX.W */
  readonly operandSizes: Uint8Array;
}

const SIZINGS = ["normal", "default64", "forced64", "ignored", "narrow", "mode"] as const;
const PREFIX_SLOTS = { "": -1, NP: 0, "66": 1, F3: 2, F2: 3 } as const;
export const sizeBit = (size: number): number => size >> 1;
const bits = (sizes: readonly number[]) => sizes.reduce((all, size) => all | sizeBit(size), 0);

interface Row {
  readonly encoding: Encoding;
  readonly number: number;
  readonly forms: Form[];
}

export function buildTables(): DecoderTables {
  const rows: Row[] = [];
  const rowOf = new Map<Encoding, Row>();
  for (const one of instructions()) {
    for (const encoding of one.parsed) {
      const row = { encoding, number: rows.length, forms: [] };
      rows.push(row);
      rowOf.set(encoding, row);
    }
  }
  for (const form of forms()) rowOf.get(form.encoding)!.forms.push(form);
  const n = rows.length;
  const strides = Object.fromEntries(
    Object.keys(DIMENSIONS).map((name) => [name, new Int32Array(n)]),
  ) as Record<
    Dimension,
    Int32Array
  >;
  const tables = {
    ...opcodeLists(rows),
    modes: Uint8Array.from(rows, (row) => row.encoding.modes),
    sizing: Uint8Array.from(rows, (row) => SIZINGS.indexOf(row.encoding.sizing)),
    opSizes: Uint8Array.from(rows, (row) => bits(row.encoding.opSizes)),
    addrSizes: Uint8Array.from(rows, (row) => bits(row.encoding.addrSizes)),
    fixedModrm: Int16Array.from(rows, (row) => row.encoding.fixedModrm),
    needsNoRexB: Uint8Array.from(rows, (row) => row.encoding.flags.has("rexb0") ? 1 : 0),
    popAddress: Uint8Array.from(rows, (row) => row.encoding.flags.has("pop") ? 1 : 0),
    immediate: Uint8Array.from(rows, (row) => immediateOf(row.encoding)),
    constant: Uint8Array.from(
      rows,
      (row) => row.encoding.operands.find((one) => one.place === "const")?.value ?? 0,
    ),
    actions: new Uint8Array(n * 4),
    fixed: new Uint8Array(n * 4),
    formBase: new Int32Array(n),
    strides,
    operandSizes: new Uint8Array(SIZINGS.length << 4),
  };
  SIZINGS.forEach((sizing, s) =>
    MODES.forEach((mode, m) => {
      for (let bit = 0; bit < 4; bit++) {
        tables.operandSizes[s << 4 | m << 2 | bit] = operandSize(
          sizing,
          mode,
          (bit & 2) !== 0,
          (bit & 1) !== 0,
        );
      }
    })
  );
  const formTable: number[] = [];
  for (const row of rows) {
    row.encoding.operands.forEach((operand, i) => {
      tables.actions[row.number * 4 + i] = actionOf(operand, i, row);
      tables.fixed[row.number * 4 + i] = operand.value;
    });
    tables.formBase[row.number] = formTable.length;
    formTable.push(...formIndex(row, strides));
  }
  return { ...tables, formTable: Int16Array.from(formTable) };
}

function actionOf(operand: OperandSpec, position: number, row: Row): number {
  const byte = operand.file === "gpr" && operand.size === "b";
  switch (operand.place) {
    case "reg":
      if (operand.file === "seg") {
        const access = row.forms[0]?.operands[position].access;
        return access === "r" ? Action.segment : Action.segmentTarget;
      }
      if (operand.file === "mm") return Action.regPlain;
      if (operand.file === "cr") return Action.control;
      if (operand.file === "dr") return Action.debug;
      return byte ? Action.regByte : Action.reg;
    case "rm":
      if (!operand.register) return Action.none;
      if (operand.file === "mm" || operand.file === "st") return Action.rmPlain;
      return byte ? Action.rmByte : Action.rm;
    case "opcode":
      return byte ? Action.opcodeByte : Action.opcode;
    case "fixed":
      return Action.fixed;
    default:
      return Action.none;
  }
}

function immediateOf(encoding: Encoding): number {
  const found = encoding.operands.filter((one) =>
    ["imm", "rel", "offset", "far", "const"].includes(one.place)
  );
  if (found.length === 0) return Immediate.none;
  const sizes = found.map((one) => one.size).join();
  if (found.length === 2 && sizes === "w,b") return Immediate.wordByte;
  const [one] = found;
  if (found.length === 1) {
    switch (one.place) {
      case "const":
        return Immediate.constant;
      case "offset":
        return Immediate.offset;
      case "far":
        return Immediate.far;
      case "rel":
        if (one.size === "b") return Immediate.relByte;
        if (one.size === "z") return Immediate.relZ;
        break;
      default:
        if (one.signed) return Immediate.byteSigned;
        if (one.size === "b") return Immediate.byte;
        if (one.size === "w") return Immediate.word;
        if (one.size === "z") return Immediate.z;
        if (one.size === "v") return Immediate.v;
    }
  }
  throw new Error(`${encoding.text}: no such immediates`);
}

/** Where the form number of each combination stands, for one encoding; sets its strides. */
function formIndex(row: Row, strides: Record<Dimension, Int32Array>): Int16Array {
  const values = (form: Form): Record<Dimension, number[]> => ({
    opSize: form.opSize ? [SIZES.indexOf(form.opSize as 2)] : [],
    memory: [form.memory ? 1 : 0],
    addrSize: form.addrSize ? [SIZES.indexOf(form.addrSize as 2)] : [],
    stackSize: form.stackSize ? [SIZES.indexOf(form.stackSize as 2)] : [],
    lock: form.encoding.flags.has("lock") && form.memory ? [] : [form.lock ? 1 : 0],
    rep: repColumns(form),
    mode: form.mode ? [MODES.indexOf(form.mode as 16)] : [],
  });
  const each = row.forms.map(values);
  let total = 1;
  for (const name of Object.keys(DIMENSIONS) as Dimension[]) {
    const used = each.some((value) => value[name].length > 0 && value[name].some((v) => v !== 0)) ||
      new Set(each.map((value) => value[name].join())).size > 1;
    // A column of zeroes only needs no stride, unless another value must give #UD (LOCK).
    if (used || name === "lock" || name === "memory") {
      strides[name][row.number] = total;
      total *= DIMENSIONS[name];
    }
  }
  const table = new Int16Array(total).fill(-1);
  row.forms.forEach((form, i) => {
    const spread = (index: number, names: Dimension[]): void => {
      if (names.length === 0) {
        table[index] = form.number;
        return;
      }
      const [name, ...rest] = names;
      const stride = strides[name][row.number];
      let columns = each[i][name];
      if (columns.length === 0) columns = Array.from({ length: DIMENSIONS[name] }, (_, column) => column);
      if (stride === 0) columns = [0];
      for (const column of columns) spread(index + column * stride, rest);
    };
    spread(0, Object.keys(DIMENSIONS) as Dimension[]);
  });
  return table;
}

/** F3 is column 1, F2 column 2; an instruction that does not repeat ignores both, one that repeats by count takes both alike. */
function repColumns(form: Form): number[] {
  if (form.instruction.repeat === undefined) return [];
  if (form.rep === "none") return [0];
  if (form.instruction.repeat === "rep") return [1, 2];
  return [form.rep === "rep" ? 1 : 2];
}

/** Of several encodings that match, the one that says more is meant. */
function specificity(encoding: Encoding): number {
  return (encoding.prefix === "" ? 0 : 4) + (encoding.fixedModrm < 0 ? 0 : 2) +
    (encoding.extension < 0 && !encoding.flags.has("rexb0") ? 0 : 1);
}
const bySpecificity = (rows: readonly Row[]) =>
  rows.toSorted((a, b) => specificity(b.encoding) - specificity(a.encoding));

function opcodeLists(
  rows: readonly Row[],
): Pick<DecoderTables, "leaves" | "hasModrm" | "targets" | "candidates"> {
  const byOpcode = new Map<number, Row[]>();
  for (const row of rows) {
    const { map, opcode, plusR } = row.encoding;
    for (let r = 0; r < (plusR ? 8 : 1); r++) {
      const key = map << 8 | opcode + r;
      const list = byOpcode.get(key);
      if (list) list.push(row);
      else byOpcode.set(key, [row]);
    }
  }
  const leaves = new Int32Array(4 << 10).fill(-1);
  const hasModrm = new Uint8Array(4 << 10);
  const targets: number[] = [];
  const candidates: number[] = [-1];
  const addList = (list: readonly Row[]): number => {
    if (list.length === 0) return 0;
    const at = candidates.length;
    candidates.push(...list.map((row) => row.number), -1);
    return at;
  };
  for (const [key, list] of byOpcode) {
    const modrm = list[0].encoding.modrm;
    // One mode may have a ModRM byte where another has not: no opcode of ours does, so it would be an error in a description.
    if (list.some((row) => row.encoding.modrm !== modrm)) {
      throw new Error(`${list.map((row) => row.encoding.text).join(" and ")}: ModRM or not?`);
    }
    const anyMod = list[0].encoding.flags.has("anymod");
    if (list.some((row) => row.encoding.flags.has("anymod") !== anyMod)) {
      throw new Error(`${list.map((row) => row.encoding.text).join(" and ")}: any mod or not?`);
    }
    for (let prefix = 0; prefix < 4; prefix++) {
      const explicit = list.filter((row) => PREFIX_SLOTS[row.encoding.prefix] === prefix);
      const eligible = [...explicit, ...list.filter((row) => row.encoding.prefix === "")];
      if (eligible.length === 0) continue;
      const slot = key << 2 | prefix;
      hasModrm[slot] = anyMod ? 2 : modrm ? 1 : 0;
      leaves[slot] = targets.length;
      if (!modrm) {
        targets.push(addList(bySpecificity(eligible)));
        continue;
      }
      for (let index = 0; index < 16; index++) {
        const matching = eligible.filter(({ encoding }) =>
          (encoding.extension < 0 || encoding.extension === (index & 7)) &&
          (index < 8 ? encoding.memory : encoding.register)
        );
        targets.push(addList(bySpecificity(matching)));
      }
    }
  }
  return {
    leaves,
    hasModrm,
    targets: Int32Array.from(targets),
    candidates: Int16Array.from(candidates),
  };
}
