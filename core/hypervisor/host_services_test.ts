import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Host } from "./host.ts";
import type { HostDomain } from "./host_domain.ts";
import { fakeEngine, fakeStart, fakeSupport, Program } from "./testing/fake_guest.ts";
import { PvMachine } from "./testing/pv_machine.ts";
import { debugKeys } from "./debug_keys.ts";
import { XenLog } from "./xen_log.ts";

Deno.test("the log keeps the last lines and is cleared", () => {
  const log = new XenLog(20);
  for (const line of ["first", "second", "third", "fourth"]) log.add(line);
  assert.equal(log.text, "(XEN) second\n(XEN) third\n(XEN) fourth\n");
  log.add("x".repeat(100));
  assert.equal(log.text, `(XEN) ${"x".repeat(100)}\n`);
  log.clear();
  assert.equal(log.text, "");
});

Deno.test("a host tells its facts, its pool, what its domains did, and answers debug keys into its log", async () => {
  await using host = await Host.start({
    pcpus: 2,
    parts: {
      workerUrl: new URL("./testing/fake_pcpu_worker.ts", import.meta.url),
      support: fakeSupport,
      makeEngine: fakeEngine,
    },
  });
  const facts = host.facts();
  assert.equal(facts.pcpus, 2);
  assert.equal(facts.topology.coresPerSocket, 2);
  assert.ok(facts.freeMemoryKiB > 0 && facts.freeMemoryKiB <= facts.totalMemoryKiB);
  assert.deepEqual(host.cpupools(), [{
    id: 0,
    name: "Pool-0",
    scheduler: "credit",
    cpus: [0, 1],
    domains: 1,
  }]);
  const domains: HostDomain[] = [];
  for (let n = 0; n < 3; n++) {
    const domain = await host.createDomain({
      name: `spin${n}`,
      memoryMiB: 4,
      build: ({ frames }) => fakeStart(frames.bytes, Program.SPIN),
    });
    domain.unpause();
    domains.push(domain);
  }
  assert.equal(host.cpupools()[0].domains, 4);
  await sleep(300);
  const [vcpu] = domains[0].info().vcpus;
  assert.ok(vcpu.switches > 0 && vcpu.wakes > 0);
  assert.ok(vcpu.runnableNs > 0, "three on two pCPUs wait");
  assert.equal(vcpu.parks, 0);
  assert.match(host.xenLog.text, /^\(XEN\) Xen version 4\.17/);
  host.xenLog.clear();
  host.debugKeys("rq!\x1b");
  const { text } = host.xenLog;
  assert.match(text, /'r' pressed -> dump run queues/);
  assert.match(text, /CPU\[01\] BUSY/);
  assert.match(text, /run: \[\d+\.0\] pri=(UNDER|OVER|BOOST) flags=0 cpu=\d credit=-?\d+ \[w=256,cap=0\]/);
  assert.match(text, /General information for domain 3 \(spin2\)/);
  assert.match(text, /'!' pressed -> no handler/);
  assert.match(text, /'\?' pressed -> no handler/);
  domains[0].control.setMaxPages(512);
  assert.equal(domains[0].info().maxPages, 512);
  assert.throws(() => domains[0].control.setMaxPages(1025), /room for 1024 pages/);
  assert.throws(() => domains[0].control.trigger("bang"), RangeError);
  assert.throws(() => domains[0].control.trigger("power"), /PV guest/);
});

Deno.test("debug keys show event channels, grants and registers of PV domains", () => {
  const pv = new PvMachine();
  const { domain } = pv.domain();
  const lines: string[] = [];
  debugKeys(pv.machine, "egqdh", (line) => lines.push(line));
  const text = lines.join("\n");
  assert.match(text, /Event channel information for domain 1/);
  assert.match(text, /grant-table for remote d1 \(v1\)/);
  assert.match(text, /VCPU0: CPU-1 \[has=F\]/);
  assert.match(text, /key 'q' \(ascii '71'\) => dump domain/);
  assert.match(text, new RegExp(`mfns 0x${domain.mfnBase.toString(16)}`));
});
