/** Trace records in words: names, arguments, what they point to, results. */
import { type CStruct, type Fields, Laid } from "../../hypervisor/abi/cstruct.ts";
import * as errno from "../../hypervisor/abi/errno.ts";
import { GNTST, GNTTABOP } from "../../hypervisor/abi/grant_table.ts";
import { HYPERVISOR } from "../../hypervisor/abi/hypercall_numbers.ts";
import {
  type ArgumentType,
  isVersionText,
  MMUEXT_COMMANDS,
  type Names,
  type Signature,
  SIGNATURES,
} from "../../hypervisor/hypercalls/signatures.ts";
import { TraceEvent, TraceFlag, TraceKind, type TraceRecord, TraceTrap } from "../../hypervisor/trace/mod.ts";
import type { TraceCall, TraceValue } from "./line.ts";

function inverse(names: Names): ReadonlyMap<number, string> {
  return new Map(Object.entries(names).map(([name, value]) => [value, name]));
}
const lookups = new WeakMap<Names, ReadonlyMap<number, string>>();
function nameIn(names: Names, value: number): string | undefined {
  let lookup = lookups.get(names);
  if (lookup === undefined) lookups.set(names, lookup = inverse(names));
  return lookup.get(value);
}

/** The first name of each number: EAGAIN, not EWOULDBLOCK. */
const ERRNO = new Map<number, string>();
for (const [name, value] of Object.entries(errno)) if (!ERRNO.has(value)) ERRNO.set(value, name);
ERRNO.set(errno.EAGAIN, "EAGAIN").set(errno.EDEADLK, "EDEADLK");
const MOST_ERRNO = 4095n;

const DOMIDS: Names = { SELF: 0x7ff0, IO: 0x7ff1, XEN: 0x7ff2, COW: 0x7ff3, INVALID: 0x7ff4, IDLE: 0x7fff };
const VECTORS = "#DE #DB NMI #BP #OF #BR #UD #NM #DF - #TS #NP #SS #GP #PF - #MF #AC #MC #XM".split(" ");

const hex = (value: bigint | number) => `0x${value.toString(16)}`;
const address = (value: bigint) => `0x${value.toString(16).padStart(16, "0")}`;
const low = (value: bigint) => Number(value & 0xffffffffn);

function domid(value: number): number | string {
  const id = value & 0xffff;
  const name = nameIn(DOMIDS, id);
  return name === undefined ? id : `DOMID_${name}`;
}

function argument(type: ArgumentType, value: bigint): TraceValue {
  if (typeof type !== "string") return nameIn(type, low(value)) ?? low(value);
  switch (type) {
    case "int":
      return low(value) | 0;
    case "uint":
      return low(value);
    case "count":
      return low(value) & 0x7fffffff;
    case "domid":
      return domid(low(value));
    case "time":
      return value <= Number.MAX_SAFE_INTEGER ? Number(value) : hex(value);
    default:
      return value === 0n && type === "pointer" ? "NULL" : hex(value);
  }
}

/** Fields whose numbers are addresses, frames or bits. */
const IN_HEX =
  /addr|ptr|val|flags|start|mfn|gfn|pfn|gpfn|bitmap|submap|buffer|list|address|virt|ports$|frame$/;

/** The fields of a structure that are there; of a union the first. */
function fields(structure: CStruct<Fields>, bytes: Uint8Array): { [name: string]: TraceValue } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shown: { [name: string]: TraceValue } = {};
  const taken = new Set<number>();
  for (const [name, { offset, size, type }] of structure.layout(64).fields) {
    if (type instanceof Laid || typeof type !== "string" || offset + size > bytes.length) continue;
    if (taken.has(offset) || /(^|\.)_?(pad|rsvd)/.test(name)) continue;
    taken.add(offset);
    const last = name.slice(name.lastIndexOf(".") + 1);
    const isSigned = type.startsWith("i");
    const value = size === 8
      ? (isSigned ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true))
      : BigInt(
        size === 4
          ? (isSigned ? view.getInt32(offset, true) : view.getUint32(offset, true))
          : size === 2
          ? (isSigned ? view.getInt16(offset, true) : view.getUint16(offset, true))
          : view.getUint8(offset),
      );
    const isDomid = size === 2 && /(^|_)dom(id)?$|^domain_id$/.test(last);
    if (isDomid) shown[name] = domid(Number(value));
    else if (IN_HEX.test(last) || value > Number.MAX_SAFE_INTEGER) shown[name] = hex(value);
    else shown[name] = Number(value);
  }
  return shown;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function describe(signature: Signature, op: string | undefined, payload: Uint8Array): TraceValue | undefined {
  if (payload.length === 0) return undefined;
  if (signature.payload === "text") return text(payload);
  const structure = signature.structure ?? (op === undefined ? undefined : signature.structures?.[op]);
  if (structure === undefined) return undefined;
  if (signature.payload !== "array") return fields(structure, payload);
  const size = structure.size(64);
  const elements: TraceValue[] = [];
  for (let at = 0; at + size <= payload.length; at += size) {
    const element = fields(structure, payload.subarray(at, at + size));
    if (structure.name === "mmuext_op") {
      element.cmd = nameIn(MMUEXT_COMMANDS, element.cmd as number) ?? element.cmd;
    }
    elements.push(element);
  }
  return elements;
}

function hypercall(record: TraceRecord): Omit<TraceCall, "at" | "domid" | "vcpu" | "type"> {
  const { number, flags, result, payload } = record;
  const signature = SIGNATURES.get(number);
  const name = nameIn(HYPERVISOR, number) ?? `hypercall_${number}`;
  const args: { [name: string]: TraceValue } = {};
  let op: string | undefined;
  const list = signature?.args ?? record.args.map((_, i): [string, ArgumentType] => [`a${i + 1}`, "hex"]);
  list.forEach(([argumentName, type], i) => {
    const value = record.args[i];
    if (type === "operation") {
      const code = low(value) & (signature?.operationMask ?? -1);
      op = nameIn(signature?.operations ?? {}, code) ?? String(code);
    } else args[argumentName] = argument(type, value);
  });
  if (signature !== undefined) {
    const isText = name === "xen_version" && op !== undefined && isVersionText(op);
    const value = isText ? text(payload) : describe(signature, op, payload);
    // What the pointer leads to stands for the pointer.
    const pointer = list.find(([, type]) => type === "pointer");
    if (value !== undefined && pointer !== undefined) args[pointer[0]] = value;
  }
  const hasResult = (flags & (TraceFlag.NO_RESULT | TraceFlag.CONTINUES)) === 0;
  const isError = hasResult && result < 0n && -result <= MOST_ERRNO;
  return {
    name,
    ...(op === undefined ? {} : { op }),
    args,
    rip: address(record.rip),
    ...(hasResult
      ? {
        result: result >= -MOST_ERRNO && result <= Number.MAX_SAFE_INTEGER
          ? Number(result)
          : hex(BigInt.asUintN(64, result)),
      }
      : {}),
    ...(isError ? { errno: ERRNO.get(Number(-result)) ?? String(-result) } : {}),
    us: record.duration / 1000,
    ...(flags & TraceFlag.INNER ? { inner: true as const } : {}),
    ...(flags & TraceFlag.CONTINUES ? { continues: true as const } : {}),
  };
}

function trap(
  { number, args, rip, payload }: TraceRecord,
): Omit<TraceCall, "at" | "domid" | "vcpu" | "type"> {
  const at = address(rip);
  const code = low(args[0]);
  switch (number) {
    case TraceTrap.SYSCALL:
      return { name: "syscall", args: { rax: low(args[0]) }, rip: at };
    case TraceTrap.SOFTWARE_INTERRUPT:
      return { name: "int", args: { vector: hex(code) }, rip: at };
    case TraceTrap.EMULATION: {
      const bytes = Array.from(payload, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
      return { name: "emulation", args: { code: bytes }, rip: at };
    }
    case TraceTrap.TABLE_WRITE:
      return { name: "table_write", args: { address: address(args[0]) }, rip: at };
    case TraceTrap.CPUID:
      return { name: "cpuid", args: { leaf: hex(code), subleaf: hex(low(args[1])) }, rip: at };
  }
  const name = VECTORS[number] === "-" || VECTORS[number] === undefined
    ? `vector_${number}`
    : VECTORS[number];
  const shown: { [name: string]: TraceValue } = {};
  // The high half tells that there is no error code.
  if (args[0] >> 32n === 0n) shown.error_code = hex(code);
  if (name === "#PF") shown.cr2 = address(args[1]);
  return { name, args: shown, rip: at };
}

function event({ number, args }: TraceRecord): Omit<TraceCall, "at" | "domid" | "vcpu" | "type"> {
  const port = low(args[0]);
  switch (number) {
    case TraceEvent.SEND:
      return { name: "send", args: { port, remote_dom: low(args[1]), remote_port: low(args[2]) } };
    case TraceEvent.RAISE:
      return { name: "raise", args: { port } };
    default:
      return { name: "upcall", args: {} };
  }
}

function grant({ number, payload }: TraceRecord): Omit<TraceCall, "at" | "domid" | "vcpu" | "type"> {
  const name = nameIn(GNTTABOP, number) ?? String(number);
  const structure = SIGNATURES.get(HYPERVISOR.grant_table_op)?.structures?.[name];
  const { status, ...args } = structure === undefined ? { status: 0 } : fields(structure, payload);
  const result = Number(status ?? 0);
  const failure = result === 0 ? undefined : nameIn(GNTST, result);
  return { name, args, result, ...(failure === undefined ? {} : { errno: `GNTST_${failure}` }) };
}

/** @param epochMs what milliseconds since the epoch system time 0 is */
export function decode(record: TraceRecord, epochMs: number): TraceCall {
  const common = { at: epochMs + record.time / 1e6, domid: record.domid, vcpu: record.vcpu };
  switch (record.kind) {
    case TraceKind.HYPERCALL:
      return { type: "hypercall", ...common, ...hypercall(record) };
    case TraceKind.TRAP:
      return { type: "trap", ...common, ...trap(record) };
    case TraceKind.EVENT:
      return { type: "event", ...common, ...event(record) };
    case TraceKind.GRANT:
      return { type: "grant", ...common, ...grant(record) };
  }
}
