import assert from "node:assert/strict";
import { join } from "node:path";
import type { DomainSummary, ErrorCode, XendEvent } from "../api/types.ts";
import { parseCpuList } from "./cpu_list.ts";
import { XendError } from "./errors.ts";
import { StateStore, systemFiles } from "./state_store.ts";
import { fakeRequest, fakeXend, settle, until } from "./testing.ts";
import type { Xend } from "./xend.ts";

function refused(code: ErrorCode, words: RegExp) {
  return (error: unknown) => {
    assert(error instanceof XendError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}

const names = (xend: Xend, all = false) => xend.list(all).slice(1).map(({ name }: DomainSummary) => name);

async function changes(xend: Xend, action: () => Promise<unknown>): Promise<string[]> {
  const feed = xend.events.follow(new Set(["domain"] as const));
  await action();
  await settle();
  feed.end();
  const seen: string[] = [];
  for await (const event of feed) {
    if (event.type === "domain") {
      seen.push(`${event.name} ${event.change}${event.reason ? ` ${event.reason}` : ""}`);
    }
  }
  return seen;
}

Deno.test("a domain is created, paused, unpaused, renamed, destroyed; events tell each step", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  const seen = await changes(xend, async () => {
    assert.deepEqual(await xend.create(fakeRequest({ name: "a" })), { name: "a", domid: 1, warnings: [] });
    assert.equal(host.last.pauses, 0);
    xend.pause("a");
    xend.pause("a");
    assert.equal(host.last.pauses, 1);
    assert.equal(xend.detail("a").state.paused, true);
    xend.unpause("1");
    xend.unpause("a");
    assert.equal(host.last.pauses, 0);
    await xend.rename("a", "b");
    assert.deepEqual(names(xend), ["b"]);
    assert.equal(host.last.nodes.get("name"), "b");
    await xend.destroy("b");
  });
  assert(host.last.isDestroyed);
  assert.deepEqual(names(xend, true), []);
  assert.deepEqual(seen, ["a created", "a unpaused", "a paused", "a unpaused", "b renamed", "b destroyed"]);
});

Deno.test("unknown domains, taken names, wrong states and bad configurations are refused by their codes", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  await xend.create(fakeRequest({ name: "a" }));
  await assert.rejects(xend.create(fakeRequest({ name: "a" })), refused("name-exists", /domid 1/));
  await assert.rejects(xend.create(fakeRequest({ name: "" })), refused("bad-config", /name/));
  await assert.rejects(xend.create(fakeRequest({ name: "17" })), refused("bad-config", /number/));
  await assert.rejects(xend.create(fakeRequest({ name: "Domain-0" })), refused("bad-config", /Domain-0/));
  await assert.rejects(xend.destroy("b"), refused("no-such-domain", /"b"/));
  await assert.rejects(xend.destroy("99"), refused("no-such-domain", /"99"/));
  await assert.rejects(xend.destroy("0"), refused("wrong-state", /Domain-0/));
  await assert.rejects(xend.start("a"), refused("wrong-state", /running already/));
  await assert.rejects(xend.delete("a"), refused("wrong-state", /is running/));
  await assert.rejects(xend.rename("a", "x/y"), refused("bad-request", /slashes/));
  await xend.create(fakeRequest({ name: "m" }, { defineOnly: true }));
  await assert.rejects(xend.rename("a", "m"), refused("name-exists", /managed domain m/));
  assert.throws(() => xend.pause("m"), refused("wrong-state", /not running/));
  await assert.rejects(xend.destroy("m"), refused("wrong-state", /not running/));
  host.failure = new RangeError("no room");
  await assert.rejects(xend.create(fakeRequest({ name: "c" })), refused("no-memory", /no room/));
  await xend.create(fakeRequest({ name: "c" }));
  assert.deepEqual(names(xend), ["a", "c"]);
});

Deno.test("a name is taken from the moment that its domain is being built", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  const { promise, resolve } = Promise.withResolvers<void>();
  host.gate = promise;
  const first = xend.create(fakeRequest({ name: "a" }));
  await assert.rejects(xend.create(fakeRequest({ name: "a" })), refused("name-exists", /a/));
  // xend answers meanwhile; the domain cannot be controlled before it is there.
  assert.deepEqual(names(xend, true), []);
  assert.throws(() => xend.pause("a"), refused("wrong-state", /being created/));
  const destroyed = xend.destroy("a");
  resolve();
  await first;
  await destroyed;
  assert.deepEqual(names(xend, true), []);
  assert(host.last.isDestroyed);
});

Deno.test("each end has its action: destroy, restart, rename-restart, preserve", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  await xend.create(fakeRequest({
    name: "a",
    actions: { poweroff: "preserve", reboot: "restart", crash: "rename-restart", watchdog: "destroy" },
  }));
  assert.deepEqual(await changes(xend, () => Promise.resolve(host.last.end("reboot"))), [
    "a shutdown reboot",
    "a destroyed reboot",
    "a created",
    "a unpaused",
  ]);
  assert.equal(host.domains.length, 2);
  const crashed = host.last;
  crashed.end("crash", "registers");
  await settle();
  assert.match(fake.log.lines().join("\n"), /a:\n {4}registers/);
  const [kept, successor] = xend.list().slice(1);
  assert.match(kept.name, /^a-\d{8}T\d{4}Z$/);
  assert.equal(kept.domid, crashed.domid);
  assert.equal(kept.shutdownReason, "crash");
  assert.equal(crashed.isDestroyed, false);
  assert.deepEqual([successor.name, successor.domid], ["a", 3]);
  assert.notEqual(kept.uuid, successor.uuid);
  await xend.destroy(kept.name);
  assert(crashed.isDestroyed);
  host.last.end("poweroff");
  await settle();
  assert.deepEqual(names(xend), ["a"]);
  assert.equal(xend.detail("a").shutdownReason, "poweroff");
  assert.throws(() => xend.pause("a"), refused("wrong-state", /ended already/));
  await xend.destroy("a");
  await xend.create(fakeRequest({ name: "a", actions: { watchdog: "destroy" } }));
  host.last.end("watchdog");
  await settle();
  assert.deepEqual(names(xend, true), []);
});

Deno.test("a core dump is written before the domain goes; one that cannot be had stops nothing", async () => {
  await using fake = fakeXend();
  const { xend, host, directory } = fake;
  await xend.create(fakeRequest({ name: "a", actions: { crash: "coredump-restart" } }));
  host.last.control = { coreDump: (write) => write(new TextEncoder().encode("core")) };
  host.last.end("crash");
  await until(() => host.domains.length === 2);
  const folder = join(directory, "state/dump");
  const [dump] = [...Deno.readDirSync(folder)];
  assert.match(dump.name, /^\d{4}-\d{4}-\d{4}\.\d\d-a\.1\.core$/);
  assert.equal(Deno.readTextFileSync(join(folder, dump.name)), "core");
  assert.equal(host.domains.length, 2);
  await assert.rejects(xend.dumpCore("a"), refused("not-supported", /core/));
  host.last.control = {
    coreDump: () => {
      throw new Error("No space left on device");
    },
  };
  const file = join(directory, "x.core");
  await assert.rejects(xend.dumpCore("a", { file }), refused("internal", /No space left/));
  assert.throws(() => Deno.statSync(file), Deno.errors.NotFound);
  assert.equal(host.last.pauses, 0);
  await assert.rejects(xend.dumpCore("a", { file: "relative" }), refused("bad-request", /absolute/));
});

Deno.test("a domain that ends right after its start is not started again and again", async () => {
  await using fake = fakeXend({ minimumLifeMs: 10_000 });
  const { xend, host, log } = fake;
  await xend.create(fakeRequest({ name: "a" }));
  host.last.end("reboot");
  await settle();
  assert.equal(host.domains.length, 1);
  assert.deepEqual(names(xend, true), []);
  assert.match(log.lines().join("\n"), /ERROR .* not started again, to avoid a loop/);
});

Deno.test("a soft reset is refused clearly, a failed restart leaves nothing behind", async () => {
  await using fake = fakeXend();
  const { xend, host, log } = fake;
  await xend.create(fakeRequest({ name: "a" }));
  host.last.end("soft_reset");
  await settle();
  assert.match(log.lines().join("\n"), /a soft reset is not supported/);
  await xend.create(fakeRequest({ name: "a" }));
  host.failure = new Error("broken");
  host.last.end("reboot");
  await settle();
  assert.match(log.lines().join("\n"), /a cannot be started again: broken/);
  assert.deepEqual(names(xend, true), []);
});

Deno.test("shutdown asks through XenStore and waits for the end, or for as long as it may", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  await xend.create(fakeRequest({ name: "a" }));
  await assert.rejects(xend.shutdown("a", { wait: true, timeoutMs: 20 }), refused("timeout", /20 ms/));
  assert.equal(host.last.nodes.get("control/shutdown"), "poweroff");
  const done = xend.shutdown("a", { wait: true, reason: "reboot" });
  assert.equal(host.last.nodes.get("control/shutdown"), "reboot");
  host.last.end("poweroff");
  await done;
  assert.deepEqual(names(xend, true), []);
});

Deno.test("managed domains are kept over a restart of xend, also when they have been renamed", async () => {
  await using first = fakeXend();
  const { directory } = first;
  await first.xend.create(fakeRequest({ name: "m" }, { defineOnly: true }));
  await first.xend.create(fakeRequest({ name: "gone" }, { defineOnly: true }));
  await first.xend.start("m");
  await first.xend.rename("m", "n");
  await first.xend.destroy("n");
  await first.xend.delete("gone");
  assert.deepEqual(names(first.xend, true), ["n"]);
  await first.xend.stop(0);
  await using second = fakeXend({ directory });
  assert.deepEqual(second.xend.recover().said, []);
  assert.deepEqual(names(second.xend, true), ["n"]);
  assert.equal((await second.xend.start("n")).name, "n");
  assert.equal(second.host.last.spec.name, "n");
});

Deno.test("what ran when xend was killed is named; what is marked so starts again", async () => {
  await using first = fakeXend();
  const { directory } = first;
  await first.xend.create(fakeRequest({ name: "plain" }));
  await first.xend.create(fakeRequest({ name: "auto", autostart: true }));
  await first.xend.create(fakeRequest({ name: "managed" }, { defineOnly: true }));
  await first.xend.create(fakeRequest({ name: "both", autostart: true }, { defineOnly: true }));
  await first.xend.start("managed");
  // Killed: nothing of the first is told to end.
  await using second = fakeXend({ directory });
  const { said, started } = second.xend.recover();
  await started;
  assert.deepEqual(said.map((line) => line.replace(/, started [^)]*\)/, ")")).sort(), [
    "domain auto (domid 2) was lost when xend was killed; it is started again",
    "domain managed (domid 3) was lost when xend was killed",
    "domain plain (domid 1) was lost when xend was killed",
  ]);
  assert.deepEqual(names(second.xend), ["both", "auto"].sort().reverse());
  assert.deepEqual(names(second.xend, true).sort(), ["auto", "both", "managed"]);
  await second.xend.stop(0);
  await using third = fakeXend({ directory });
  assert.deepEqual(third.xend.recover().said, []);
});

Deno.test("a full disk: what cannot be kept is refused, what runs goes on, nothing kept is harmed", async () => {
  await using whole = fakeXend();
  const { directory } = whole;
  await whole.xend.create(fakeRequest({ name: "m" }, { defineOnly: true }));
  let full = true;
  const state = new StateStore(join(directory, "state"), {
    ...systemFiles,
    write(path, text) {
      if (!full) return systemFiles.write(path, text);
      systemFiles.write(path, text.slice(0, text.length / 2));
      throw new Error("No space left on device (os error 28)");
    },
  });
  await using fake = fakeXend({ directory, state });
  const { xend } = fake;
  xend.recover();
  await assert.rejects(
    xend.create(fakeRequest({ name: "x" }, { defineOnly: true })),
    refused("internal", /No space left/),
  );
  await assert.rejects(xend.rename("m", "other"), refused("internal", /No space left/));
  assert.deepEqual(names(xend, true), ["m"]);
  const { warnings } = await xend.create(fakeRequest({ name: "a" }));
  assert.match(warnings.join(), /No space left.*xend forgets a if it is killed/);
  assert.deepEqual(names(xend), ["a"]);
  const loaded = new StateStore(join(directory, "state")).load("domains");
  assert.deepEqual([loaded.records.map(({ name }) => name), loaded.setAside], [["m"], []]);
  full = false;
  await xend.create(fakeRequest({ name: "x" }, { defineOnly: true }));
  assert.deepEqual(names(xend, true).sort(), ["a", "m", "x"]);
});

Deno.test("a record that is none is set aside and named", async () => {
  await using fake = fakeXend();
  const { xend, directory } = fake;
  const folder = join(directory, "state/domains");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "one.json"), "{ half");
  Deno.writeTextFileSync(join(folder, "two.json"), JSON.stringify({ version: 2, name: "x" }));
  Deno.writeTextFileSync(join(folder, "three.json.new"), "left by a crash");
  const { said } = xend.recover();
  assert.equal(said.length, 2);
  for (const line of said) {
    assert.match(line, /(one|two)\.json is not a domain's record and was set aside as .*corrupt/);
  }
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  assert.equal([...Deno.readDirSync(join(directory, "state/corrupt"))].length, 2);
});

Deno.test("stop asks those that can to power off, destroys the others and names them", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  await xend.create(fakeRequest({ name: "polite" }));
  host.last.nodes.set("control/feature-poweroff", "1");
  await xend.create(fakeRequest({ name: "deaf" }));
  const followed = xend.find("deaf").console.follow(true);
  host.last.print("words");
  assert.deepEqual(await xend.stop(5000), ["deaf"]);
  assert(host.isStopped);
  assert(host.domains.every(({ isDestroyed }) => isDestroyed));
  const texts: string[] = [];
  for await (const bytes of followed) texts.push(new TextDecoder().decode(bytes));
  assert.deepEqual(texts, ["words"]);
  await assert.rejects(xend.create(fakeRequest({ name: "late" })), refused("busy", /stopping/));
});

Deno.test("a console goes on over a restart and is closed by the domain's end", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  await xend.create(fakeRequest({ name: "a" }));
  host.last.print("first ");
  const follower = xend.find("a").console.follow(true);
  host.last.end("reboot");
  await settle();
  host.last.print("second");
  host.last.end("poweroff");
  await settle();
  const texts: string[] = [];
  for await (const bytes of follower) texts.push(new TextDecoder().decode(bytes));
  assert.equal(texts.join(""), "first second");
});

Deno.test("xendomains starts the auto folder and what is marked, and shuts everything down", async () => {
  await using fake = fakeXend();
  const { xend, host, directory } = fake;
  await xend.create(fakeRequest({ name: "m", autostart: true }, { defineOnly: true }));
  await xend.create(fakeRequest({ name: "idle" }, { defineOnly: true }));
  const folder = join(directory, "state/auto");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "one.cfg"), JSON.stringify({ name: "one" }));
  Deno.writeTextFileSync(join(folder, "two.cfg"), "nonsense");
  const { done, failed } = await xend.xendomainsStart();
  assert.deepEqual(done.sort(), [join(folder, "one.cfg"), "m"]);
  assert.deepEqual(failed.map(({ name }) => name), [join(folder, "two.cfg")]);
  assert.deepEqual((await xend.xendomainsStart()).done, []);
  for (const domain of host.domains) domain.nodes.set("control/feature-poweroff", "1");
  assert.deepEqual((await xend.xendomainsStop()).done.sort(), ["m", "one"]);
  assert.deepEqual(names(xend), []);
});

Deno.test("events of a follower that does not read are dropped and counted; another one gets them all", async () => {
  await using fake = fakeXend();
  const { xend } = fake;
  const idle = xend.events.follow(), busy = xend.events.follow();
  const seen: XendEvent[] = [];
  const reading = (async () => {
    for await (const event of busy) seen.push(event);
  })();
  for (let i = 0; i < 3000; i++) {
    xend.events.emit({ type: "log", at: 0, line: String(i) });
    if (i % 500 === 0) await settle();
  }
  await settle();
  busy.end();
  await reading;
  assert.deepEqual(
    seen.map((event) => event.type === "log" && event.line),
    Array.from({ length: 3000 }, (_, i) => String(i)),
  );
  const first = (await idle.next()).value;
  assert.deepEqual([first?.type, first?.type === "lost" && first.count], ["lost", 2000]);
  const next = (await idle.next()).value;
  assert.deepEqual(next, { type: "log", at: 0, line: "2000" });
  idle.close();
  assert.equal(xend.events.followers, 0);
});

Deno.test("weights, caps and affinities of a configuration are the domain's; a uuid is one domain's only", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  const done: unknown[] = [];
  const original = host.createDomain.bind(host);
  host.createDomain = async (spec) => {
    const domain = await original(spec);
    domain.control = {
      schedule: { get: () => ({ weight: 512, cap: 50 }), set: (parameters) => done.push(parameters) },
      setAffinity: (...all) => done.push(all),
    };
    return domain;
  };
  const uuid = "11111111-2222-4333-8444-555555555555";
  const more = { uuid, cpuWeight: 512, cap: 50, maxVcpus: 3, cpus: ["0-5,^1", "7"], cpusSoft: ["all", "1"] };
  const { warnings } = await xend.create(fakeRequest({ name: "a", more }));
  assert.deepEqual(warnings, ['cpus = "7": the host has the pCPUs 0 to 1 only; this has no effect']);
  assert.deepEqual(done, [{ weight: 512, cap: 50 }, [0, [0], [0, 1]], [1, undefined, [1]]]);
  assert.deepEqual([host.last.spec.vcpus, host.last.spec.onlineVcpus], [3, 1]);
  assert.equal(xend.detail(uuid).name, "a");
  assert.deepEqual(xend.detail("a").scheduler, { weight: 512, cap: 50 });
  await assert.rejects(
    xend.create(fakeRequest({ name: "b", more })),
    refused("name-exists", /uuid .* domain a's/),
  );
});

Deno.test("a domain whose scheduling is refused is not left behind; one that is being built when xend stops ends too", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  const original = host.createDomain.bind(host);
  host.createDomain = async (spec) => {
    const domain = await original(spec);
    const refuse = () => {
      throw new RangeError("a cap is from 0 to 100");
    };
    domain.control = { schedule: { get: () => ({ weight: 256, cap: 0 }), set: refuse } };
    return domain;
  };
  await assert.rejects(
    xend.create(fakeRequest({ name: "a", more: { cap: 500 } })),
    refused("bad-request", /a cap is/),
  );
  assert(host.last.isDestroyed);
  assert.deepEqual(names(xend, true), []);
  const { promise, resolve } = Promise.withResolvers<void>();
  host.gate = promise;
  const late = xend.create(fakeRequest({ name: "late" }));
  await settle();
  const stopped = xend.stop(0);
  resolve();
  await late;
  assert.deepEqual(await stopped, ["late"]);
  assert(host.last.isDestroyed);
});

Deno.test("lists of pCPUs are xl's", () => {
  assert.deepEqual(parseCpuList("all", 3), [0, 1, 2]);
  assert.deepEqual(parseCpuList("0-3,^1", 4), [0, 2, 3]);
  assert.deepEqual(parseCpuList("5,2-3", 8), [2, 3, 5]);
  assert.deepEqual(parseCpuList("nodes:0,^0", 3), [1, 2]);
  assert.deepEqual(parseCpuList("node:1", 3), []);
  assert.deepEqual(parseCpuList("3-9", 3), []);
  assert.throws(() => parseCpuList("x", 3), RangeError);
});

Deno.test("a host without debug keys says so", async () => {
  await using fake = fakeXend();
  const { xend } = fake;
  assert.throws(() => xend.debugKeys("q"), refused("not-supported", /debug keys/));
});
