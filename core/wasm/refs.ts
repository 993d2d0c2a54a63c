/** Things with an index in a module. Imports come first in every index space, so an index is known only when no import can follow. */
import { expr, Kind } from "./types.ts";
import type { Expr, FuncType, NumType } from "./types.ts";

/** One sort of thing in one module; shared by all references of that sort. */
export interface IndexSpace {
  imports: number;
  /** The module. */
  readonly owner: object;
}

export abstract class Ref {
  abstract readonly sort: "func" | "table" | "memory" | "global";
  constructor(readonly space: IndexSpace, readonly imported: boolean, readonly position: number) {}
  /** What a reference not imported has is final only when the module has all its imports (at toBytes). */
  get index(): number {
    return this.imported ? this.position : this.space.imports + this.position;
  }
  describe(): string {
    return `${this.sort} ${this.index}`;
  }
}

export class FuncRef<
  P extends readonly NumType[] = readonly NumType[],
  R extends readonly NumType[] = readonly NumType[],
> extends Ref {
  readonly sort = "func";
  constructor(
    space: IndexSpace,
    imported: boolean,
    position: number,
    readonly signature: FuncType<P, R>,
    readonly name: string | undefined,
  ) {
    super(space, imported, position);
  }
  override describe(): string {
    return this.name ?? super.describe();
  }
}

export interface Limits {
  initial: number;
  maximum?: number;
}

export interface MemoryLimits extends Limits {
  /** Needs a maximum. */
  shared?: boolean;
  /** Addresses are i64; loads and stores must then name the memory. */
  memory64?: boolean;
}

export class MemoryRef extends Ref {
  readonly sort = "memory";
  constructor(space: IndexSpace, imported: boolean, position: number, readonly limits: MemoryLimits) {
    super(space, imported, position);
  }
  get addressType(): "i32" | "i64" {
    return this.limits.memory64 ? "i64" : "i32";
  }
}

export class TableRef extends Ref {
  readonly sort = "table";
  constructor(space: IndexSpace, imported: boolean, position: number, readonly limits: Limits) {
    super(space, imported, position);
  }
}

export class GlobalRef<T extends NumType = NumType> extends Ref {
  readonly sort = "global";
  readonly #get: Expr<T>;
  constructor(
    space: IndexSpace,
    imported: boolean,
    position: number,
    readonly type: T,
    readonly mutable: boolean,
  ) {
    super(space, imported, position);
    this.#get = expr(Kind.globalGet, "global.get", 0x23, type, [], this);
  }
  get(): Expr<T> {
    return this.#get;
  }
}

/** An element or data segment; `sort` tells which. */
export class SegmentRef {
  constructor(readonly sort: "elem" | "data", readonly index: number) {}
}
