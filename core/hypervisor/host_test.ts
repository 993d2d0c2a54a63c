import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Host, type HostOptions } from "./host.ts";
import { fakeEngine, fakeStart, fakeSupport, Program, Word } from "./testing/fake_guest.ts";

function startHost(options: Partial<HostOptions> = {}): Promise<Host> {
  return Host.start({
    pcpus: 2,
    parts: {
      workerUrl: new URL("./testing/fake_pcpu_worker.ts", import.meta.url),
      support: fakeSupport,
      makeEngine: fakeEngine,
    },
    ...options,
  });
}

function domainOf(
  host: Host,
  program: number,
  { periodMs = 10, vcpus = 1, memoryMiB = 4, name = "test" } = {},
) {
  return host.createDomain({
    name,
    memoryMiB,
    vcpus,
    build: ({ frames }) => fakeStart(frames.bytes, program, periodMs),
  });
}

Deno.test("domains of all kinds run side by side and end each in its own way", async () => {
  const logged: string[] = [];
  await using host = await startHost({ log: (line) => logged.push(line) });
  const off = await domainOf(host, Program.POWEROFF);
  const crash = await domainOf(host, Program.CRASH);
  const thrower = await domainOf(host, Program.THROW);
  const ticker = await domainOf(host, Program.TICK);
  assert.deepEqual(host.domains().map(({ domid }) => domid), [1, 2, 3, 4]);
  for (const domain of host.domains()) domain.unpause();
  assert.equal((await off.ended).reason, "poweroff");
  const crashed = await crash.ended;
  assert.equal(crashed.reason, "crash");
  assert.match(crashed.registerDump ?? "", /RIP: +[0-9a-f]{4}:\[<[0-9a-f]{16}>\]\nRFLAGS/);
  const thrown = await thrower.ended;
  assert.equal(thrown.reason, "crash");
  assert.match(thrown.registerDump ?? "", /internal error: Error: a bug of ours/);
  assert.ok(logged.some((line) => line.includes("a bug of ours")));
  assert.ok(thrower.info().crashed && !off.info().crashed && off.info().shutdown);
  // The others go on.
  const before = ticker.domain.views.i32[Word.TICKS];
  await sleep(200);
  const ticks = ticker.domain.views.i32[Word.TICKS] - before;
  assert.ok(ticks >= 10 && ticks <= 21, `${ticks} ticks of 10 ms in 200 ms`);
  await ticker.destroy();
  assert.equal((await ticker.ended).reason, "destroyed");
  assert.equal(host.domain(ticker.domid), undefined);
});

Deno.test("three spinning domains share two pCPUs fairly, and a ticking one is not starved", async () => {
  await using host = await startHost();
  const spinners = [];
  for (let n = 0; n < 3; n++) spinners.push(await domainOf(host, Program.SPIN));
  const ticker = await domainOf(host, Program.TICK);
  ticker.unpause();
  for (const spinner of spinners) spinner.unpause();
  await sleep(600);
  const times = spinners.map((spinner) => spinner.info().cpuTimeNs);
  const ticks = ticker.domain.views.i32[Word.TICKS];
  const [least, most] = [Math.min(...times), Math.max(...times)];
  assert.ok(least > 0.7 * most, `cpu times ${times}`);
  assert.ok(ticks >= 25, `${ticks} ticks of 10 ms in 600 ms beside spinning domains`);
  spinners[0].pause();
  await sleep(50);
  const paused = spinners[0].info();
  await sleep(100);
  assert.equal(spinners[0].info().cpuTimeNs, paused.cpuTimeNs);
  assert.ok(paused.paused);
  spinners[0].unpause();
  await sleep(100);
  assert.ok(spinners[0].info().cpuTimeNs > paused.cpuTimeNs);
});

Deno.test("Domain-0 and a guest notify each other", async () => {
  await using host = await startHost();
  const echo = await domainOf(host, Program.ECHO);
  echo.unpause();
  let heard = Promise.withResolvers<void>();
  echo.onNotify(7, () => heard.resolve());
  heard = Promise.withResolvers<void>();
  const begin = performance.now();
  const rounds = 50;
  for (let round = 0; round < rounds; round++) {
    assert.equal(echo.notify(7), 0);
    await heard.promise;
    heard = Promise.withResolvers<void>();
  }
  assert.equal(echo.domain.views.i32[Word.COUNT], rounds);
  const each = (performance.now() - begin) / rounds;
  assert.ok(each < 20, `${each} ms for a round trip`);
  assert.equal(host.notify(999, 7), -3);
});

Deno.test("time does not go back from one vCPU to the other", async () => {
  await using host = await startHost();
  const clock = await domainOf(host, Program.CLOCK, { vcpus: 2 });
  clock.unpause();
  await sleep(300);
  clock.pause();
  const { i32 } = clock.domain.views;
  assert.ok(i32[Word.COUNT] > 1000);
  assert.equal(i32[Word.CLOCK_ERRORS], 0);
  assert.equal(new Set(clock.info().vcpus.map(({ pcpu }) => pcpu)).size, 2);
});

Deno.test("what the builder throws fails the creation and leaves nothing behind", async () => {
  await using host = await startHost();
  const failing = host.createDomain({
    name: "bad",
    memoryMiB: 4,
    build: () => {
      throw new Error("no kernel");
    },
  });
  await assert.rejects(failing, /no kernel/);
  await assert.rejects(domainOf(host, Program.SPIN, { memoryMiB: 0 }), RangeError);
  await assert.rejects(domainOf(host, Program.SPIN, { memoryMiB: 5000 }), RangeError);
  await assert.rejects(domainOf(host, Program.SPIN, { vcpus: 1000 }), RangeError);
  assert.deepEqual(host.domains(), []);
  const next = await domainOf(host, Program.SPIN);
  assert.equal(next.domain.mfnBase, 1024);
  assert.ok(next.domain.views.u8.subarray(64, 4096).every((byte) => byte === 0));
});

Deno.test("a host whose workers do not come up fails to start, and ends", async () => {
  const parts = {
    workerUrl: new URL("data:text/javascript,throw new Error(%22broken%20on%20purpose%22)"),
    support: fakeSupport,
    makeEngine: fakeEngine,
  };
  await assert.rejects(startHost({ parts }), /pCPU/);
  await assert.rejects(startHost({ pcpus: 0 }), RangeError);
});

Deno.test("a watchdog that is not set anew ends its domain", async () => {
  await using host = await startHost();
  const domain = await domainOf(host, Program.SLEEP);
  domain.unpause();
  domain.domain.header.setWatchdogs(1, host.machine.now() + 100e6);
  assert.equal((await domain.ended).reason, "watchdog");
});

Deno.test("pauses nest, and a domain can be destroyed twice or while it runs", async () => {
  await using host = await startHost();
  const domain = await domainOf(host, Program.SPIN, { vcpus: 2 });
  domain.pause();
  domain.unpause();
  assert.ok(domain.info().paused);
  assert.equal(domain.info().vcpus[0].state, "offline");
  domain.unpause();
  domain.unpause();
  await sleep(50);
  const info = domain.info();
  assert.deepEqual(info.vcpus.map(({ state }) => state), ["running", "running"]);
  assert.ok(info.vcpus.every(({ retired }) => retired > 0) && !info.paused && info.running);
  const ends = [domain.destroy(), domain.destroy()];
  await Promise.all(ends);
  assert.equal((await domain.ended).reason, "destroyed");
  domain.pause();
  domain.unpause();
  assert.equal(domain.notify(7), 0);
});

Deno.test("two hosts live in one process", async () => {
  await using one = await startHost({ pcpus: 1 });
  await using two = await startHost({ pcpus: 1 });
  const [first, second] = [await domainOf(one, Program.TICK), await domainOf(two, Program.POWEROFF)];
  first.unpause();
  second.unpause();
  assert.equal((await second.ended).reason, "poweroff");
  assert.equal(first.end, undefined);
});

Deno.test("30 domains of 256 MiB, all of it touched, one after another, leave the RSS where it was", async () => {
  await using host = await startHost();
  const life = async () => {
    const domain = await host.createDomain({
      name: "big",
      memoryMiB: 256,
      build: ({ frames }) => {
        for (let page = 0; page < frames.bytes.length; page += 4096) frames.bytes[page + 128] = 1;
        return fakeStart(frames.bytes, Program.TICK);
      },
    });
    domain.unpause();
    await domain.destroy();
  };
  await life();
  const begin = Deno.memoryUsage().rss;
  for (let round = 0; round < 30; round++) await life();
  const grown = (Deno.memoryUsage().rss - begin) / 1e6;
  assert.ok(grown < 100, `RSS grew by ${grown} MB`);
});
