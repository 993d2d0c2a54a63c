/** The target description that gdb is given: x86-64 with SSE and segment bases, in the order of the debugger's registers. */
import type { DebugRegister } from "../../hypervisor/debug/mod.ts";

const CODE_POINTERS = new Set(["rip"]);
const DATA_POINTERS = new Set(["rbp", "rsp"]);

function typeOf({ name, size }: DebugRegister): string {
  if (CODE_POINTERS.has(name)) return "code_ptr";
  if (DATA_POINTERS.has(name)) return "data_ptr";
  if (name === "eflags") return "i386_eflags";
  if (name === "mxcsr") return "i386_mxcsr";
  if (/^st\d$/.test(name)) return "i387_ext";
  if (/^xmm\d+$/.test(name)) return "vec128";
  return size === 8 ? "int64" : "int32";
}

const FLAGS = [
  ["CF", 0],
  ["", 1],
  ["PF", 2],
  ["AF", 4],
  ["ZF", 6],
  ["SF", 7],
  ["TF", 8],
  ["IF", 9],
  ["DF", 10],
  [
    "OF",
    11,
  ],
  ["NT", 14],
  ["RF", 16],
  ["VM", 17],
  ["AC", 18],
  ["VIF", 19],
  ["VIP", 20],
  ["ID", 21],
] as const;
const MXCSR = [
  "IE DE ZE OE UE PE DAZ IM DM ZM OM UM PM".split(" ").map((name, bit) => [name, bit] as const),
  [["FZ", 15] as const],
].flat();

function flags(id: string, bits: readonly (readonly [string, number])[]): string {
  const fields = bits.map(([name, bit]) => `<field name="${name}" start="${bit}" end="${bit}"/>`);
  return `<flags id="${id}" size="4">${fields.join("")}</flags>`;
}

const VECTORS = [["v4f", "ieee_single", 4], ["v2d", "ieee_double", 2], ["v16i8", "int8", 16], [
  "v8i16",
  "int16",
  8,
], [
  "v4i32",
  "int32",
  4,
], ["v2i64", "int64", 2]] as const;

const VEC128 =
  VECTORS.map(([id, type, count]) => `<vector id="${id}" type="${type}" count="${count}"/>`).join("") +
  '<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>' +
  '<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/>' +
  '<field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>';

function featureOf(name: string): "core" | "sse" | "segments" {
  if (/^xmm\d+$|^mxcsr$/.test(name)) return "sse";
  return /^[fg]s_base$/.test(name) ? "segments" : "core";
}

/** gdb/features/target.dtd */
export function targetXml(registers: readonly DebugRegister[]): string {
  const feature = (wanted: ReturnType<typeof featureOf>, types: string) => {
    const list = registers.flatMap((register, number) => {
      if (featureOf(register.name) !== wanted) return [];
      const group = /^(st\d|f[a-z]+)$/.test(register.name) && register.name !== "fs" ? ' group="float"' : "";
      return [
        `<reg name="${register.name}" bitsize="${register.size * 8}" type="${
          typeOf(register)
        }" regnum="${number}"${group}/>`,
      ];
    });
    return `<feature name="org.gnu.gdb.i386.${wanted}">${types}${list.join("")}</feature>`;
  };
  return '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">' +
    "<architecture>i386:x86-64</architecture>" +
    feature("core", flags("i386_eflags", FLAGS)) +
    feature("sse", VEC128 + flags("i386_mxcsr", MXCSR)) +
    feature("segments", "") + "</target>";
}
