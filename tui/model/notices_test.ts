import assert from "node:assert/strict";
import type { XendEvent } from "../../core/toolstack/api/types.ts";
import { Alerts } from "./alerts.ts";
import { noticeOf } from "./notices.ts";
import { SampleKeeper } from "./samples.ts";
import { domain, machine } from "./testing.ts";

const said = (event: XendEvent) => {
  const notice = noticeOf(event, (domid) => domid === 7 ? "web" : undefined);
  return notice === undefined ? undefined : [notice.severity, notice.domain, notice.text];
};

Deno.test("what an event says", () => {
  const domainEvent = { type: "domain", at: 1, domid: 7, name: "web" } as const;
  assert.deepEqual(said({ ...domainEvent, change: "created" }), ["info", "web", "created"]);
  assert.deepEqual(said({ ...domainEvent, change: "shutdown", reason: "poweroff" }), [
    "info",
    "web",
    "powered off",
  ]);
  assert.deepEqual(said({ ...domainEvent, change: "shutdown", reason: "crash" }), [
    "alert",
    "web",
    "crashed",
  ]);
  const device = { type: "device", at: 1, domid: 7, path: "/local/domain/7/device/vbd/51712/state" } as const;
  assert.deepEqual(said({ ...device, state: 4 }), ["info", "web", "vbd 51712 connected"]);
  assert.equal(said({ ...device, state: 3 }), undefined);
  assert.deepEqual(said({ ...device, domid: 8, state: 6 })?.[1], "domain 8");
  const log = (level: string) => `[2026-03-02 14:05:11 4711] ${level} (xend:12) internal error: x\n    at y`;
  assert.deepEqual(said({ type: "log", at: 1, line: log("ERROR") }), [
    "alert",
    undefined,
    "xend: internal error: x",
  ]);
  assert.equal(said({ type: "log", at: 1, line: log("WARNING") })?.[0], "warning");
  assert.equal(said({ type: "log", at: 1, line: log("INFO") }), undefined);
  assert.equal(said({ type: "log", at: 1, line: "ERROR that a guest wrote" }), undefined);
  assert.deepEqual(said({ type: "lost", at: 1, count: 3 }), ["warning", undefined, "3 events were missed"]);
});

Deno.test("a domain at its cap and a host without memory are told of once, until it is over", () => {
  const keeper = new SampleKeeper();
  const alerts = new Alerts();
  let clock = 0;
  let seconds = 0;
  const texts = (percent: number, freeMemoryKiB = 500_000): string[] => {
    clock += 1000;
    seconds += percent / 100;
    const sample = machine(clock, [domain(1, { cap: 50, seconds })]);
    const samples = keeper.add({ ...sample, node: { ...sample.node, freeMemoryKiB } });
    return alerts.look(samples).map(({ severity, text, domain }) =>
      `${severity} ${domain ?? "host"} ${text}`
    );
  };
  texts(50);
  const capped = "warning guest1 is held back by its cap of 50 %";
  assert.deepEqual([texts(50), texts(49), texts(50), texts(50), texts(45)], [[], [], [capped], [], []]);
  texts(20);
  texts(50);
  texts(50);
  assert.deepEqual(texts(50), [capped]);
  const full = "warning host memory is nearly full: 19 MiB free";
  assert.deepEqual([texts(10, 20_000), texts(10, 20_000), texts(10, 70_000)], [[full], [], []]);
  texts(10, 200_000);
  assert.deepEqual(texts(10, 20_000), [full]);
});

Deno.test("a domain that was crashed before the dashboard came is told of; later ones are events", () => {
  const keeper = new SampleKeeper();
  const alerts = new Alerts();
  const state = { ...domain(1).state, crashed: true };
  const look = (clock: number, ...domains: ReturnType<typeof domain>[]) =>
    alerts.look(keeper.add(machine(clock, domains))).map(({ text }) => text);
  assert.deepEqual(look(0, domain(1, { state })), ["is crashed"]);
  assert.deepEqual(look(1000, domain(1, { state }), domain(2, { state })), []);
});
