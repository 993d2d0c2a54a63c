/**
 * The x86 processor: vCPU contexts, paging and TLBs, decoded code, the interpreter and the engine that runs them.
 *
 * What others use:
 * - context.ts: the vCPU context, declared as data; layout.ts: where everything lies in a domain's memory; reset.ts: a context's start
 * - exit.ts: why the engine returns; engine.ts: runs contexts of one domain on one worker; segmentation.ts: far transfers for it
 * - testing.ts: a small machine for tests; profile.ts: the hottest blocks; region.ts: translates them
 *
 * The generated module:
 * - interpreter.ts: all handlers; interpreter_machine.ts, repeat.ts: how a meaning becomes one; straddle.ts: code across pages
 * - machine.ts, machine_values.ts, operands.ts, flags.ts: what every Machine has; linkage.ts: how generated code goes on and leaves
 * - runtime.ts: the functions behind that; paging.ts: walks and TLB fills; access.ts, bulk.ts: accesses off the fast path
 * - region_machine.ts, region_linkage.ts: the same for regions
 *
 * Decoded code and sharing:
 * - record.ts: records and code maps; block_decoder.ts: writes them, without flag work that nobody sees (core/isa/liveness.ts)
 * - code_cache.ts: the arena and its invalidation; spaces.ts: TLBs; world.ts: how workers keep out of each other's way
 */
export * from "./context.ts";
export * from "./engine.ts";
export * from "./exit.ts";
export { loaded as segmentOf } from "./segmentation.ts";
export type { Descriptor, DescriptorHooks } from "./segmentation.ts";
export { setSegment } from "./reset.ts";
export type { SegmentField, SegmentValue } from "./reset.ts";
export type { InterpreterOptions } from "./interpreter.ts";
export * from "./layout.ts";
