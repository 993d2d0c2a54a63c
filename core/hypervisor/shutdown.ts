/** How a domain ends from inside: shutdown and crash, as Xen's domain_shutdown and domain_crash. */
import type { Domain } from "./domain.ts";
import { DomainHeader, PauseFlag } from "./layout.ts";
import { registerDump } from "./register_dump.ts";
import { Shutdown } from "./report.ts";
import type { Vcpu } from "./vcpu.ts";

/** First one to shut the domain down. */
function claim(domain: Domain, reason: number): boolean {
  const word = (domain.header.base + DomainHeader.offsets.isShutdown) >>> 2;
  if (Atomics.compareExchange(domain.views.i32, word, 0, 1) !== 0) return false;
  domain.header.shutdownReason = reason;
  return true;
}

function stop(domain: Domain): void {
  for (const vcpu of domain.vcpus) domain.machine.scheduler.setFlags(vcpu, PauseFlag.SHUTDOWN);
}

/** SCHEDOP_shutdown by `vcpu`. SHUTDOWN_crash leaves a register dump. Does nothing when the domain is down already. */
export function shutdownDomain(domain: Domain, reason: number, vcpu?: Vcpu): void {
  if (!claim(domain, reason)) return;
  const dump = reason === Shutdown.crash && vcpu !== undefined
    ? `Domain ${domain.domid} (vcpu#${vcpu.id}) asked for SHUTDOWN_crash:\n${registerDump(vcpu)}`
    : undefined;
  stop(domain);
  domain.machine.report({ kind: "shutdown", domid: domain.domid, reason, dump });
}

/** domain_crash: the hypervisor gives the domain up. @param why one line for the log */
export function crashDomain(vcpu: Vcpu, why: string): void {
  const { domain } = vcpu;
  if (!claim(domain, Shutdown.crash)) return;
  const { machine, domid } = domain;
  const where = machine.pcpu < 0 ? "" : ` on cpu#${machine.pcpu}`;
  let registers: string;
  try {
    registers = registerDump(vcpu);
  } catch (error) {
    registers = `no register dump: ${error}`;
  }
  stop(domain);
  const dump = `${why}\nDomain ${domid} (vcpu#${vcpu.id}) crashed${where}:\n${registers}`;
  machine.report({ kind: "shutdown", domid, reason: Shutdown.crash, dump });
}

/** crashDomain when no vCPU of it is at hand. */
export function crashDomainFrom(domain: Domain, why: string): void {
  if (!claim(domain, Shutdown.crash)) return;
  stop(domain);
  domain.machine.report({ kind: "shutdown", domid: domain.domid, reason: Shutdown.crash, dump: why });
}
