/** A pCPU worker that dies on the spot, nothing unwound, when a domain called "doomed" asks for it: by a hypercall, or in the middle of an instruction. */
import { ExitReason } from "../core/cpu/exit.ts";
import { HYPERVISOR } from "../core/hypervisor/abi/hypercall_numbers.ts";
import { makeXenEngine } from "../core/hypervisor/parts.ts";
import { servePcpu } from "../core/hypervisor/pcpu_service.ts";
import { pvSupport } from "../core/hypervisor/pv_support.ts";

function die(why: string): never {
  reportError(new Error(`killed by the test ${why}`));
  throw new Error("reportError came back");
}

// RDRAND asks for it from inside guest code; the other domain of the test has no such instruction.
crypto.getRandomValues = () => die("in RDRAND");

servePcpu({
  support: () => ({
    ...pvSupport,
    handleExit(context, reason) {
      const { domain, vcpu } = context;
      const number = Number(domain.context.reg(vcpu.ctx, 0) & 0xffffffffn);
      if (domain.name === "doomed" && reason === ExitReason.SYSCALL && number === HYPERVISOR.xen_version) {
        // As a hypercall would that dies half-way.
        domain.lock.acquire();
        domain.machine.lock.acquire();
        die("in a hypercall");
      }
      pvSupport.handleExit(context, reason);
    },
  }),
  makeEngine({ image }, domain) {
    if (image === undefined) throw new Error("no interpreter was posted");
    return makeXenEngine(image, domain);
  },
});
