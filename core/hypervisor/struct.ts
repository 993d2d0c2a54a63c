/**
 * Structures in shared memory, declared once as data (offsets and types) by C's layout rules for x86-64, with accessors fast
 * enough for hot paths: 64-bit fields are two 32-bit halves, never a BigInt.
 */

/** Typed-array views over one buffer; every struct accessor works over one of these. */
export class Views {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;

  constructor(readonly buffer: ArrayBufferLike) {
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >>> 1);
    this.u32 = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    this.f64 = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
  }
}

/** The scalar types. `u64` is two halves; `f64` is a JavaScript number of our own (never in a guest's ABI). */
export type Scalar = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "f64";

export interface ArrayType<E extends Scalar | Struct<Fields>> {
  readonly element: E;
  readonly length: number;
}

export interface Placed<T extends Type> {
  readonly offset: number;
  readonly type: T;
}

export type Type = Scalar | Struct<Fields> | ArrayType<Scalar | Struct<Fields>>;
export type Fields = Readonly<Record<string, Type | Placed<Type>>>;

/** `length` elements of one type, one after another. */
export function array<E extends Scalar | Struct<Fields>>(element: E, length: number): ArrayType<E> {
  return { element, length };
}

/** A field at a fixed byte offset: for unions. */
export function at<T extends Type>(offset: number, type: T): Placed<T> {
  return { offset, type };
}

type Bare<T> = T extends Placed<infer B> ? B : T;
type Simple = Exclude<Scalar, "u64">;

type Scalars<F extends Fields> =
  & { -readonly [K in keyof F & string as Bare<F[K]> extends Scalar ? K : never]: number }
  & {
    -readonly [
      K in keyof F & string as Bare<F[K]> extends "u64" ? `${K}Lo` | `${K}Hi` : never
    ]: number;
  };

type Arrays<F extends Fields> =
  & {
    readonly [
      K in keyof F & string as Bare<F[K]> extends ArrayType<Simple> ? K : never
    ]: (index: number) => number;
  }
  & {
    readonly [
      K in keyof F & string as Bare<F[K]> extends ArrayType<Simple> ? `set${Capitalize<K>}` : never
    ]: (index: number, value: number) => void;
  }
  & {
    readonly [
      K in keyof F & string as Bare<F[K]> extends ArrayType<"u64"> ? `${K}Lo` | `${K}Hi` : never
    ]: (index: number) => number;
  }
  & {
    readonly [
      K in keyof F & string as Bare<F[K]> extends ArrayType<"u64"> ? `set${Capitalize<K>}` : never
    ]: (index: number, lo: number, hi: number) => void;
  };

type Nested<F extends Fields> =
  & {
    readonly [
      K in keyof F & string as Bare<F[K]> extends Struct<Fields> ? `${K}Base` : never
    ]: number;
  }
  & {
    readonly [
      K in keyof F & string as Bare<F[K]> extends ArrayType<Struct<Fields>> ? `${K}Base` : never
    ]: (index: number) => number;
  };

/**
 * An accessor: `views` and `base` (byte offset) say where the structure is; `base` may be moved. A scalar field is a property. A u64 field
 * `x` has `xLo` and `xHi` (int32 halves) and `x` (unsigned number, exact to 2^53). An array of scalars `x` is read by `x(i)` and written by
 * `setX(i, v)` (u64: `xLo(i)`, `xHi(i)`, `setX(i, lo, hi)`). A structure inside has `xBase`, an array of structures `xBase(i)`: byte offsets.
 */
export type View<F extends Fields> = { views: Views; base: number } & Scalars<F> & Arrays<F> & Nested<F>;

export interface Struct<F extends Fields> {
  readonly name: string;
  readonly fields: F;
  /** sizeof, in bytes. */
  readonly size: number;
  readonly alignment: number;
  /** offsetof of each field, in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** An accessor at byte offset `base` (aligned to `alignment`) of the buffer. */
  view(views: Views, base: number): View<F>;
  /** A zeroed structure in a buffer of its own: for copies from and to a guest. */
  fresh(): View<F>;
}

const SCALARS: Record<Scalar, { size: number; array: string; shift: number; signed?: number }> = {
  u8: { size: 1, array: "u8", shift: 0 },
  i8: { size: 1, array: "u8", shift: 0, signed: 24 },
  u16: { size: 2, array: "u16", shift: 1 },
  i16: { size: 2, array: "u16", shift: 1, signed: 16 },
  u32: { size: 4, array: "u32", shift: 2 },
  i32: { size: 4, array: "i32", shift: 2 },
  u64: { size: 8, array: "i32", shift: 2 },
  f64: { size: 8, array: "f64", shift: 3 },
};

function measure(type: Type): { size: number; alignment: number } {
  if (typeof type === "string") return { size: SCALARS[type].size, alignment: SCALARS[type].size };
  if ("element" in type) {
    const element = measure(type.element);
    return { size: element.size * type.length, alignment: element.alignment };
  }
  return { size: type.size, alignment: type.alignment };
}

const align = (value: number, alignment: number) => Math.ceil(value / alignment) * alignment;

/** Source text of a cell's read and write expressions, at byte offset `address` (an expression). */
function cell(type: Simple, address: string): { read: string; write: string } {
  const { array, shift, signed } = SCALARS[type];
  const place = `this.views.${array}[${shift === 0 ? address : `(${address}) >>> ${shift}`}]`;
  return { read: signed === undefined ? place : `${place} << ${signed} >> ${signed}`, write: `${place} = v` };
}

function accessors(name: string, offset: number, type: Type): string[] {
  const capital = name[0].toUpperCase() + name.slice(1);
  const here = `this.base + ${offset}`;
  if (typeof type === "string") {
    if (type !== "u64") {
      const { read, write } = cell(type, here);
      return [`get ${name}() { return ${read}; }`, `set ${name}(v) { ${write}; }`];
    }
    const lo = cell("i32", here), hi = cell("i32", `this.base + ${offset + 4}`);
    return [
      `get ${name}Lo() { return ${lo.read}; }`,
      `set ${name}Lo(v) { ${lo.write}; }`,
      `get ${name}Hi() { return ${hi.read}; }`,
      `set ${name}Hi(v) { ${hi.write}; }`,
      `get ${name}() { return (${hi.read} >>> 0) * 4294967296 + (${lo.read} >>> 0); }`,
      `set ${name}(n) { let v = n % 4294967296 | 0; ${lo.write}; v = Math.floor(n / 4294967296) | 0; ${hi.write}; }`,
    ];
  }
  if (!("element" in type)) return [`get ${name}Base() { return ${here}; }`];
  const element = type.element;
  if (typeof element !== "string") {
    return [`${name}Base(i) { return ${here} + i * ${element.size}; }`];
  }
  const place = `${here} + i * ${SCALARS[element].size}`;
  if (element !== "u64") {
    const { read, write } = cell(element, place);
    return [`${name}(i) { return ${read}; }`, `set${capital}(i, v) { ${write}; }`];
  }
  const lo = cell("i32", place), hi = cell("i32", `${place} + 4`);
  return [
    `${name}Lo(i) { return ${lo.read}; }`,
    `${name}Hi(i) { return ${hi.read}; }`,
    `set${capital}(i, v, hi) { ${lo.write}; v = hi; ${hi.write}; }`,
  ];
}

/**
 * Declares a structure. Fields follow each other by C's natural alignment, except those placed by `at`.
 * @throws Error on a field name that is no identifier, or a misaligned `at`.
 */
export function struct<const F extends Fields>(name: string, fields: F): Struct<F> {
  const offsets: Record<string, number> = {};
  const source: string[] = [];
  let end = 0, size = 0, alignment = 1;
  for (const [field, declared] of Object.entries(fields)) {
    if (!/^[a-z][A-Za-z0-9_]*$/.test(field) || field === "views" || field === "base") {
      throw new Error(`struct ${name}: bad field name ${field}`);
    }
    const placed = typeof declared === "object" && "offset" in declared ? declared : undefined;
    const type = placed ? placed.type : declared as Type;
    const extent = measure(type);
    const offset = placed ? placed.offset : align(end, extent.alignment);
    if (offset % extent.alignment !== 0) throw new Error(`struct ${name}: ${field} is misaligned`);
    offsets[field] = offset;
    end = offset + extent.size;
    size = Math.max(size, end);
    alignment = Math.max(alignment, extent.alignment);
    source.push(...accessors(field, offset, type));
  }
  size = align(size, alignment);
  // The accessors are compiled from text so that each has feedback of its own: closures made in a loop would share it and turn megamorphic.
  const compile = new Function(
    `return class ${name.replace(/[^A-Za-z0-9_]/g, "_")} {
      constructor(views, base) { this.views = views; this.base = base; }
      ${source.join("\n      ")}
    };`,
  ) as () => new (views: Views, base: number) => View<F>;
  const Accessor = compile();
  return {
    name,
    fields,
    size,
    alignment,
    offsets: offsets as Struct<F>["offsets"],
    view(views, base) {
      if (base % alignment !== 0) throw new Error(`struct ${name} at misaligned ${base}`);
      return new Accessor(views, base);
    },
    fresh: () => new Accessor(new Views(new ArrayBuffer(align(size, 8))), 0),
  };
}
