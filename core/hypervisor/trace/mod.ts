/** Tracing of domains: the points where it happens, the rings, the reader's side. */
export * from "./ring.ts";
export { Tracer, type TraceReader } from "./tracer.ts";
