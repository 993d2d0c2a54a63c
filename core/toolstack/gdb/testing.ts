/** The built-in guest under a debugger, for tests. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { parseKernel } from "../../builder/mod.ts";
import type { HostDomain } from "../../hypervisor/host_domain.ts";
import { builtinGuest } from "../guests/builtin.ts";
import type { ControlledDomain } from "../host.ts";
import { type RealXenHost, startXenHost } from "../xen_host.ts";

export interface EchoDomain {
  readonly host: RealXenHost;
  readonly domain: ControlledDomain;
  /** As the hypervisor has it. */
  readonly real: HostDomain;
  output(): string;
}

/** Runs a test on a host with the built-in guest alone, which is paused. */
export async function withEcho(test: (echo: EchoDomain) => Promise<void>): Promise<void> {
  const host = await startXenHost({ pcpus: 1 });
  try {
    const kernel = builtinGuest("echo");
    assert.ok(kernel);
    let output = "";
    const domain = await host.createDomain({
      name: "echo",
      memoryMiB: 8,
      maxMemoryMiB: 8,
      vcpus: 1,
      kernel: parseKernel(kernel),
      kernelName: "echo",
      cmdline: "",
      consoleOutput: (data) => output += new TextDecoder().decode(data),
    });
    const real = host.host.domain(domain.domid);
    assert.ok(real);
    await test({ host, domain, real, output: () => output });
  } finally {
    await host.stop();
  }
}

/** Waits up to five seconds for something; whether it came is the test's to see. */
export async function soon(isThere: () => boolean): Promise<void> {
  for (let i = 0; !isThere() && i < 500; i++) await sleep(10);
}
