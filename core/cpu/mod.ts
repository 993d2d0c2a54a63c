/**
 * The x86 processor: vCPU contexts, paging and TLBs, decoded code, the interpreter and the engine that runs them.
 *
 * - context.ts: the vCPU context, declared as data
 * - layout.ts: where everything lies in a domain's memory
 * - exit.ts: why the engine returns
 * - engine.ts: runs contexts of one domain on one worker
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
