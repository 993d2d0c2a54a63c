import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { XenStoreError } from "./errors.ts";
import { MessageType as T } from "./protocol.ts";
import { type Guest, XenStoreService } from "./service.ts";
import { Client, description, ringCall, RingGuest } from "./testing.ts";

const OK = "OK\0";
const error = (code: string) => `error ${code}\0`;

/** A host's store with Domain-0's client on a connection and one guest on its ring. */
function host(domid = 3): {
  service: XenStoreService;
  dom0: Client;
  end: Guest;
  ring: RingGuest;
  ask: (type: number, text: string) => string;
} {
  const service = new XenStoreService();
  const dom0 = new Client(service.store, 0, service.connect(() => {}));
  const ring = new RingGuest();
  const end = service.introduce(description(domid), ring.page, () => {});
  const ask = (type: number, text: string) => {
    const [replied, payload] = ringCall(ring, () => end.service(), type, text);
    return replied === T.ERROR ? `error ${payload}` : payload;
  };
  return { service, dom0, end, ring, ask };
}

const code = (expected: string) => (error: unknown) =>
  error instanceof XenStoreError && error.code === expected;

Deno.test("Domain-0's own operations", async () => {
  const { service } = host();
  service.write("/a/b", "1");
  service.write("relative", "2");
  assert.equal(service.read("/a/b"), "1");
  assert.equal(service.read("/local/domain/0/relative"), "2");
  assert.equal(service.read("/a/none"), undefined);
  assert.deepEqual(service.list("/a"), ["b"]);
  assert.equal(service.list("/none"), undefined);
  assert.ok(service.exists("/a") && !service.exists("/b"));
  service.chmod("/a", ["n0", "r3"]);
  assert.deepEqual(service.permissions("/a"), ["n0", "r3"]);
  assert.throws(() => service.permissions("/none"), code("ENOENT"));
  assert.throws(() => service.chmod("/a", ["x"]), code("EINVAL"));
  assert.throws(() => service.write("/a//b", ""), code("EINVAL"));
  assert.throws(() => service.rm("/none/none"), code("ENOENT"));
  const seen: string[] = [];
  const stop = service.watch("/a", (path) => seen.push(path));
  service.write("/a/b", "2");
  assert.deepEqual(seen, [], "events come after the change");
  await sleep(0);
  assert.deepEqual(seen, ["/a", "/a/b"]);
  service.rm("/a");
  stop();
  service.write("/a", "");
  await sleep(0);
  assert.deepEqual(seen, ["/a", "/a/b"]);
  assert.throws(() =>
    service.transaction((view) => {
      view.mkdir("/half");
      throw new XenStoreError("EIO");
    }), code("EIO"));
  assert.equal(service.exists("/half"), false);
  service.rename(3, "other");
  assert.equal(service.read("/local/domain/3/name"), "other");
  assert.equal(service.read(`/vm/${description(3).uuid}/name`), "other");
});

Deno.test("@introduceDomain and @releaseDomain, for all domains, with numbers and for one", () => {
  const { service, dom0, ask } = host();
  for (const watch of ["@introduceDomain\0i\0", "@releaseDomain\0r\0", "@releaseDomain\0n\0" + "1\0"]) {
    assert.equal(dom0.ask(T.WATCH, watch), OK);
  }
  assert.equal(dom0.ask(T.WATCH, "@releaseDomain/3\0only3\0"), OK);
  dom0.takeLate();
  service.introduce(description(4), new RingGuest().page, () => {});
  assert.deepEqual(dom0.takeLate(), ["@introduceDomain\0i\0"]);
  service.domainEnded(4);
  assert.deepEqual(dom0.takeLate(), ["@releaseDomain\0r\0", "@releaseDomain/4\0n\0"]);
  service.domainEnded(4);
  assert.deepEqual(dom0.takeLate(), [], "once, until it is resumed");
  assert.equal(dom0.ask(T.RESUME, "4\0"), OK);
  service.domainEnded(4);
  assert.equal(dom0.takeLate().length, 2);

  // A guest hears of it once Domain-0 says so.
  assert.equal(ask(T.WATCH, "@releaseDomain\0g\0"), OK);
  assert.equal(dom0.ask(T.GET_PERMS, "@releaseDomain\0"), "n0\0");
  assert.equal(dom0.ask(T.SET_PERMS, "@releaseDomain\0n0\0r3\0"), OK);
  assert.equal(ask(T.GET_PERMS, "@releaseDomain\0"), "n0\0r3\0");
  assert.equal(dom0.ask(T.GET_PERMS, "@none\0"), error("ENOENT"));
  service.release(4);
  assert.deepEqual(dom0.takeLate(), ["@releaseDomain\0r\0", "@releaseDomain/4\0n\0"]);
  service.release(3);
  assert.deepEqual(dom0.takeLate(), [
    "@releaseDomain\0r\0",
    "@releaseDomain/3\0n\0",
    "@releaseDomain/3\0only3\0",
  ]);
  assert.equal(dom0.ask(T.GET_PERMS, "@releaseDomain\0"), "n0\0");
});

Deno.test("the toolstack's INTRODUCE, RELEASE, RESUME and SET_TARGET over a connection", () => {
  const { dom0, end, ring, ask } = host();
  const known = (domid: number) => dom0.ask(T.IS_DOMAIN_INTRODUCED, `${domid}\0`);
  assert.deepEqual([known(0), known(3), known(4)], ["T\0", "T\0", "F\0"]);
  assert.equal(dom0.ask(T.GET_FEATURE, "3\0"), "7\0");
  assert.equal(dom0.ask(T.SET_FEATURE, "3\0" + "2\0"), error("EBUSY"));
  assert.equal(ask(T.WATCH, "data\0w\0"), OK);
  assert.equal(dom0.ask(T.RELEASE, "3\0"), OK);
  assert.equal(known(3), "F\0");
  assert.equal(dom0.ask(T.RELEASE, "3\0"), error("ENOENT"));
  assert.equal(dom0.ask(T.READ, "/local/domain/3/name\0"), "guest3", "its nodes stay");
  assert.throws(() => ask(T.READ, "name\0"), /no reply/);
  assert.equal(dom0.ask(T.INTRODUCE, "3\0" + "739841\0" + "1\0"), OK);
  assert.deepEqual([...ring.words.subarray(512, 516)], [0, 0, 0, 0], "empty rings");
  assert.equal(known(3), "T\0");
  assert.equal(ask(T.READ, "name\0"), "guest3");
  assert.equal(ask(T.UNWATCH, "data\0w\0"), error("ENOENT"), "it starts without watches");
  assert.equal(end.connected, true);
  assert.equal(dom0.ask(T.INTRODUCE, "9\0" + "5\0" + "1\0"), error("ENOENT"));
  assert.equal(dom0.ask(T.INTRODUCE, "3\0" + "5\0" + "0\0"), error("EINVAL"));
  for (const bad of ["0\0", "32752\0", "70000\0", "x\0"]) {
    assert.equal(dom0.ask(T.RELEASE, bad), error("EINVAL"), bad);
  }
  assert.equal(dom0.ask(T.RESUME, "9\0"), error("ENOENT"));
  assert.equal(dom0.ask(T.SET_TARGET, "3\0" + "9\0"), error("ENOENT"));
});

Deno.test("what a stub domain may do ends with the domain that it acts for", () => {
  const { service, dom0, ask } = host();
  service.introduce(description(4), new RingGuest().page, () => {});
  assert.equal(ask(T.READ, "/local/domain/4/name\0"), error("EACCES"));
  assert.equal(dom0.ask(T.SET_TARGET, "3\0" + "4\0"), OK);
  assert.equal(ask(T.READ, "/local/domain/4/name\0"), "guest4");
  assert.equal(ask(T.WRITE, "/local/domain/4/data/x\0v"), OK);
  service.release(4);
  service.introduce(description(4), new RingGuest().page, () => {});
  assert.equal(ask(T.READ, "/local/domain/4/name\0"), error("EACCES"));
});

Deno.test("a guest's request for a new connection empties its rings (RECONNECT)", () => {
  const { service, ring, end, ask } = host();
  assert.equal(ring.words[516], 7, "server features");
  assert.equal(ask(T.WATCH, "data\0w\0"), OK);
  ring.put(new Uint8Array(10)); // half a message
  end.service();
  ring.words[517] = 1;
  end.service();
  assert.deepEqual([...ring.words.subarray(512, 519)], [0, 0, 0, 0, 7, 0, 0]);
  service.write("/local/domain/3/data", "x");
  assert.equal(ring.take().length, 0, "no watches are left");
  assert.equal(ask(T.READ, "name\0"), "guest3");
  // A ring that the guest broke is mended in the same way.
  ring.words[513] += 5000;
  end.service();
  assert.equal(ring.words[518], 2);
  ring.words[517] = 1;
  end.service();
  assert.equal(ask(T.READ, "name\0"), "guest3");
});

Deno.test("a shutdown request waits until the guest has taken it", async () => {
  const { service, ask } = host();
  const path = "/local/domain/3/control/shutdown";
  const poweroff = service.requestShutdown(3, "poweroff");
  assert.equal(ask(T.READ, "control/shutdown\0"), "poweroff");
  let done = false;
  poweroff.then(() => done = true);
  await sleep(20);
  assert.equal(done, false);
  assert.equal(ask(T.WRITE, "control/shutdown\0"), OK);
  assert.equal(await poweroff, true);
  assert.equal(await service.requestShutdown(3, "reboot", { timeoutMs: 20 }), false);
  assert.equal(service.read(path), "", "it is taken back");
  const suspend = service.requestShutdown(3, "suspend");
  service.release(3);
  assert.equal(await suspend, true, "gone as well");
  await assert.rejects(service.requestShutdown(3, "poweroff"), code("ENOENT"));
  assert.equal(service.store.watches.size, 0);
});

Deno.test("memory, vCPUs and SysRq keys are asked of the guest through its nodes", () => {
  const { service, dom0, ask } = host();
  service.setMemoryTarget(3, 131072);
  service.setVcpuAvailability(3, 1, false);
  service.sysrq(3, "h");
  assert.equal(ask(T.READ, "memory/target\0"), "131072");
  assert.equal(ask(T.READ, "cpu/1/availability\0"), "offline");
  assert.equal(ask(T.READ, "control/sysrq\0"), "h");
  assert.equal(dom0.ask(T.GET_PERMS, "/local/domain/3/control/sysrq\0"), "n3\0");
  service.setVcpuAvailability(3, 1, true);
  assert.equal(ask(T.READ, "cpu/1/availability\0"), "online");
  assert.throws(() => service.setVcpuAvailability(3, 2, true), code("ENOENT"));
  assert.throws(() => service.setMemoryTarget(3, 0.5), code("EINVAL"));
  assert.throws(() => service.setMemoryTarget(9, 1024), code("ENOENT"));
  for (const bad of ["", "ab", " ", "\0"]) assert.throws(() => service.sysrq(3, bad), code("EINVAL"));
});

Deno.test("the 200th domain is made and released as fast as the first", () => {
  const service = new XenStoreService();
  const batch = (first: number) => {
    const start = performance.now();
    for (let domid = first; domid < first + 50; domid++) {
      const devices = [{ kind: "vbd", vdev: "xvda", target: "/x", type: "qdisk" }] as const;
      service.introduce(description(domid, { devices }), new RingGuest().page, () => {});
    }
    return performance.now() - start;
  };
  batch(1001); // warm
  const times = [1, 51, 101, 151].map(batch);
  // Other work on the machine may slow one batch, not grow with their number.
  assert.ok(Math.min(...times.slice(2)) < 4 * Math.min(...times) + 50, `${times.map(Math.round)} ms`);
  const start = performance.now();
  for (let domid = 1; domid <= 200; domid++) service.release(domid);
  assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms to release 200`);
  assert.equal(service.list("/local/domain")?.length, 51);
});
