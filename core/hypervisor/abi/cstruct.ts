/**
 * Public structures declared once, as data, laid out by the System V ABI's rules for 64-bit guests and for 32-bit (compat) guests.
 *
 * `ulong` and `ptr` (xen_ulong_t, xen_pfn_t, guest handles) take 8 bytes in a 64-bit guest and 4 in a 32-bit one; `u64` is aligned
 * to 8 bytes for 64-bit and to 4 for 32-bit guests, as the i386 ABI has it.
 * @module
 */

export type Width = 64 | 32;
export type Scalar = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64" | "ulong" | "ptr";
export interface CArray {
  readonly element: FieldType;
  readonly length: number;
}
export type FieldType = Scalar | Laid | CArray;
export type Fields = { readonly [name: string]: FieldType };

/** `field`, or `outer.inner` for a field of a nested structure. */
export type Path<F extends Fields> = {
  [K in keyof F & string]: F[K] extends CStruct<infer G> ? K | `${K}.${Path<G>}` : K;
}[keyof F & string];

interface Placed {
  readonly offset: number;
  readonly size: number;
  readonly type: FieldType;
}

export interface Layout {
  readonly size: number;
  readonly align: number;
  readonly fields: ReadonlyMap<string, Placed>;
}

const SCALAR_BYTES: Record<Exclude<Scalar, "ulong" | "ptr">, number> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
};

function measure(type: FieldType, width: Width): { size: number; align: number } {
  if (typeof type === "string") {
    const size = type === "ulong" || type === "ptr" ? width / 8 : SCALAR_BYTES[type];
    return { size, align: Math.min(size, width / 8) };
  }
  if (type instanceof Laid) return type.layout(width);
  const { size, align } = measure(type.element, width);
  return { size: size * type.length, align };
}

/** What a structure has whatever its fields are called. */
export abstract class Laid {
  readonly #layouts = new Map<Width, Layout>();
  abstract readonly name: string;
  protected abstract readonly fields: Fields;
  protected abstract readonly union: boolean;

  layout(width: Width): Layout {
    let layout = this.#layouts.get(width);
    if (!layout) this.#layouts.set(width, layout = this.#place(width));
    return layout;
  }

  #place(width: Width): Layout {
    const fields = new Map<string, Placed>();
    let offset = 0, size = 0, align = 1;
    for (const [name, type] of Object.entries(this.fields)) {
      const m = measure(type, width);
      offset = this.union ? 0 : Math.ceil(offset / m.align) * m.align;
      fields.set(name, { offset, size: m.size, type });
      if (type instanceof Laid) {
        for (const [inner, placed] of type.layout(width).fields) {
          fields.set(`${name}.${inner}`, { ...placed, offset: offset + placed.offset });
        }
      }
      offset += m.size;
      size = Math.max(size, offset);
      align = Math.max(align, m.align);
    }
    return { size: Math.ceil(size / align) * align, align, fields };
  }

  /** Bytes of the whole structure. */
  size(width: Width = 64): number {
    return this.layout(width).size;
  }
}

/** One structure (or union) of the ABI. */
export class CStruct<F extends Fields> extends Laid {
  constructor(readonly name: string, protected readonly fields: F, protected readonly union = false) {
    super();
  }

  /** Byte offset of a field. */
  offset(path: Path<F>, width: Width = 64): number {
    const placed = this.layout(width).fields.get(path);
    if (!placed) throw new RangeError(`${this.name} has no field ${path}`);
    return placed.offset;
  }
}

export function struct<const F extends Fields>(name: string, members: F): CStruct<F> {
  return new CStruct(name, members);
}

export function union<const F extends Fields>(name: string, members: F): CStruct<F> {
  return new CStruct(name, members, true);
}

export function array<const T extends FieldType>(
  element: T,
  length: number,
): { readonly element: T; readonly length: number } {
  return { element, length };
}

/** A structure's fields read from and written to a copy of it; 64-bit values as (lo, hi) or as a number. */
export class StructView<F extends Fields> {
  readonly #layout: Layout;
  readonly view: DataView;

  constructor(readonly type: CStruct<F>, readonly bytes: Uint8Array, readonly width: Width = 64) {
    this.#layout = type.layout(width);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  static create<F extends Fields>(type: CStruct<F>, width: Width = 64): StructView<F> {
    return new StructView(type, new Uint8Array(type.size(width)), width);
  }

  #field(path: string): Placed {
    const placed = this.#layout.fields.get(path);
    if (!placed) throw new RangeError(`${this.type.name} has no field ${path}`);
    return placed;
  }

  /** The value as a number; 64-bit values above 2^53 lose their low bits (use lo and hi where every bit counts). */
  get(path: Path<F>): number {
    const { offset, size, type } = this.#field(path);
    switch (size) {
      case 1:
        return type === "i8" ? this.view.getInt8(offset) : this.view.getUint8(offset);
      case 2:
        return type === "i16" ? this.view.getInt16(offset, true) : this.view.getUint16(offset, true);
      case 4:
        return type === "i32" ? this.view.getInt32(offset, true) : this.view.getUint32(offset, true);
      case 8: {
        const lo = this.view.getUint32(offset, true);
        const hi = type === "i64"
          ? this.view.getInt32(offset + 4, true)
          : this.view.getUint32(offset + 4, true);
        return hi * 4294967296 + lo;
      }
    }
    throw new RangeError(`${this.type.name}.${path} is no scalar`);
  }

  /** Low 32 bits, as an int32. */
  lo(path: Path<F>): number {
    const { offset, size } = this.#field(path);
    return size >= 4 ? this.view.getInt32(offset, true) : this.get(path);
  }

  /** High 32 bits of a 64-bit field, as an int32; 0 for narrower fields. */
  hi(path: Path<F>): number {
    const { offset, size } = this.#field(path);
    return size === 8 ? this.view.getInt32(offset + 4, true) : 0;
  }

  /** Stores a number (truncated to the field's size; negative numbers in two's complement). */
  set(path: Path<F>, value: number): void {
    const { offset, size } = this.#field(path);
    switch (size) {
      case 1:
        return this.view.setUint8(offset, value);
      case 2:
        return this.view.setUint16(offset, value, true);
      case 4:
        return this.view.setUint32(offset, value, true);
      case 8:
        this.view.setUint32(offset, value % 4294967296, true);
        return this.view.setInt32(offset + 4, Math.floor(value / 4294967296), true);
    }
    throw new RangeError(`${this.type.name}.${path} is no scalar`);
  }

  set64(path: Path<F>, lo: number, hi: number): void {
    const { offset, size } = this.#field(path);
    this.view.setInt32(offset, lo, true);
    if (size === 8) this.view.setInt32(offset + 4, hi, true);
  }
}

/** The view of a declared structure: `ViewOf<typeof mmuext_op>`. */
export type ViewOf<S> = S extends CStruct<infer F> ? StructView<F> : never;
