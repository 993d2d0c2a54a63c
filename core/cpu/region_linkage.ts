/** The linkage of a module of regions: everything is imported from the interpreter's module. */
import { type HelperName, helpers } from "../isa/mod.ts";
import { type FuncRef, type FuncType, ModuleBuilder, type NumType, type TableRef } from "../wasm/mod.ts";
import type { AccessFunctions } from "./access.ts";
import type { BulkFunctions } from "./bulk.ts";
import type { FlagFunctions } from "./flags.ts";
import { type HandlerParams, type HandlerRef, type HandlerResults, Linkage } from "./linkage.ts";
import type { RuntimeOptions } from "./linkage.ts";
import type { Helpers } from "./machine.ts";
import { TABLE_LIMITS } from "./runtime.ts";

const I = "i32", L = "i64";

export class RegionLinkage extends Linkage {
  readonly m = new ModuleBuilder("regions");
  override readonly signature: FuncType<HandlerParams, HandlerResults>;
  override readonly table: TableRef;
  override readonly access: AccessFunctions;
  override readonly bulk: BulkFunctions;
  override readonly flags: FlagFunctions;
  override readonly exit: FuncRef<readonly ["i32", "i32", "i32", "i32"], HandlerResults>;
  override readonly leaveAt: FuncRef<readonly ["i32", "i64", "i32", "i32"], HandlerResults>;
  override readonly blocked: HandlerRef;
  override readonly jumpMiss: FuncRef<readonly ["i32", "i64", "i32"], HandlerResults>;
  override readonly enterEntry: FuncRef<readonly ["i32", "i32", "i32", "i32"], HandlerResults>;
  override readonly segmented: FuncRef<readonly ["i32", "i32", "i64", "i32"], readonly ["i64"]>;
  override readonly capture: FuncRef<readonly ["i32", "i32"], readonly []>;
  override readonly check: FuncRef<readonly ["i32", "i64", "i32", "i32"], readonly []>;
  /** Imported when a meaning asks for them. */
  readonly helpers: Helpers;

  constructor(override readonly options: RuntimeOptions) {
    super();
    const { m } = this;
    m.importMemory("cpu", "memory", { initial: 1, maximum: 65536, shared: true });
    this.table = m.importTable("cpu", "table", TABLE_LIMITS);
    this.signature = m.type([I, I, I], [I]);
    const from = <const P extends readonly NumType[], const R extends readonly NumType[]>(
      name: string,
      params: P,
      results: R,
    ) => m.importFunc("cpu", name, params, results);
    this.access = {
      slowRead: from("slowRead", [I, L, I], [I]),
      slowWrite: from("slowWrite", [I, L, I], [I]),
      commit: from("commit", [I], [I]),
      fault: from("fault", [I, I, I, I], [I]),
    };
    this.bulk = { move: from("move", [I, L, L, L, I], [I]), fill: from("fill", [I, L, L, I, L], [I]) };
    this.flags = { image: from("image", [L, I], [I]), auxOf: from("auxOf", [I], [I]) };
    this.exit = from("exit", [I, I, I, I], [I]);
    this.leaveAt = from("leaveAt", [I, L, I, I], [I]);
    this.blocked = from("blocked", [I, I, I], [I]);
    this.jumpMiss = from("jumpMiss", [I, L, I], [I]);
    this.enterEntry = from("enterEntry", [I, I, I, I], [I]);
    this.segmented = from("segmented", [I, I, L, I], [L]);
    this.capture = from("capture", [I, I], []);
    this.check = from("check", [I, L, I, I], []);
    const made: Partial<Record<HelperName, FuncRef>> = {};
    this.helpers = new Proxy(made as Record<HelperName, FuncRef>, {
      get: (_target, name: HelperName) => {
        const { params, result } = helpers[name];
        return made[name] ??= from(`helper.${name}`, params, [result]) as unknown as FuncRef;
      },
    });
  }
}
