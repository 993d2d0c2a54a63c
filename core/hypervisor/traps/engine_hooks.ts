/** What the engine of a PV domain asks of the hypervisor: descriptors of the guest's tables, frames of other domains. */
import { CONTEXT_BYTES } from "../../cpu/context.ts";
import type { EngineHooks } from "../../cpu/engine.ts";
import type { Domain } from "../domain.ts";
import { foreignAccess } from "../grants/foreign.ts";
import { readDescriptor, setDescriptorAccessed } from "./descriptors.ts";

export function pvEngineHooks(domain: Domain): EngineHooks {
  const contextOf = (ctx: number) =>
    domain.vcpus[Math.floor((ctx - domain.layout.contexts) / CONTEXT_BYTES)].hypercall;
  return {
    foreign: (_ctx, mfn, offset, size, write, data) => foreignAccess(domain, mfn, offset, size, write, data),
    descriptors: {
      descriptor(ctx, selector) {
        const found = readDescriptor(contextOf(ctx), selector);
        return found.kind === "descriptor" ? { low: found.a, high: found.b } : undefined;
      },
      setAccessed: (ctx, selector) => setDescriptorAccessed(contextOf(ctx), selector),
    },
  };
}
