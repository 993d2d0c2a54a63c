/** What hypercall arguments and structures of the hostile guest are made of; guest/values.asm draws the values. */
import type { CStruct, Fields, Path } from "../../core/hypervisor/abi/cstruct.ts";

/** Where a value comes from; the order is that of `kinds` in guest/values.asm. */
export const KINDS = [
  "const",
  "below",
  "pick",
  "any",
  "bits",
  "frame",
  "spareFrame",
  "spareAddress",
  "entry",
  "entryAddress",
  "pointer",
  "port",
  "domid",
  "code",
  "neighbour",
] as const;

export interface Source {
  readonly kind: typeof KINDS[number];
  readonly parameter?: bigint | number;
  readonly values?: readonly (bigint | number)[];
}

export const is = (parameter: bigint | number): Source => ({ kind: "const", parameter });
export const below = (parameter: number): Source => ({ kind: "below", parameter });
export const pick = (...values: (bigint | number)[]): Source => ({ kind: "pick", values });
export const bits = (parameter: bigint | number): Source => ({ kind: "bits", parameter });
export const any: Source = { kind: "any" };
export const frame: Source = { kind: "frame" };
export const spareFrame: Source = { kind: "spareFrame" };
export const spareAddress: Source = { kind: "spareAddress" };
export const entry: Source = { kind: "entry" };
export const entryAddress: Source = { kind: "entryAddress" };
export const port: Source = { kind: "port" };
export const domid: Source = { kind: "domid" };
/** This domain or one that was made just before or after it: they grant pages to each other. */
export const neighbour: Source = { kind: "neighbour" };
export const code: Source = { kind: "code" };
export const self = pick(0x7ff0, 0x7ff0, 0x7ff0, 0x7ff0, 0x7ff1, 1, 2);
/** The structure, and a list behind it in the same page. */
export const structure: Source = { kind: "pointer", parameter: 0 };
export const list: Source = { kind: "pointer", parameter: 2048 };

export interface Field {
  readonly offset: number;
  readonly size: number;
  readonly source: Source;
}

export interface Template {
  readonly name: string;
  readonly number: number;
  readonly args: readonly Source[];
  readonly fields?: readonly Field[];
  /** So many structures of `stride` bytes one after another. */
  readonly repeat?: number;
  readonly stride?: number;
  /** Often ends the domain, or works only once: one draw in 64 is kept. */
  readonly rare?: boolean;
}

export function fields<F extends Fields>(
  type: CStruct<F>,
  sources: { readonly [name in Path<F>]?: Source },
): Field[] {
  const { fields: placed } = type.layout(64);
  return Object.entries(sources).map(([path, source]) => {
    const place = placed.get(path as Path<F>);
    if (place === undefined) throw new RangeError(`${type.name} has no field ${path}`);
    return { offset: place.offset, size: place.size, source: source as Source };
  });
}

/** A list of qwords at 2048. */
export const listOf = (count: number, source: Source): Field[] =>
  Array.from({ length: count }, (_, i) => ({ offset: 2048 + 8 * i, size: 8, source }));

export const words = (...sources: Source[]): Field[] =>
  sources.map((source, i) => ({ offset: 8 * i, size: 8, source }));
