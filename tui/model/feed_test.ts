import assert from "node:assert/strict";
import type { MachineFigures } from "../../core/toolstack/api/figures.ts";
import type { XendEvent } from "../../core/toolstack/api/types.ts";
import { XendFailure } from "../../core/toolstack/api/client.ts";
import type { DashboardXend } from "../ports.ts";
import { Feed } from "./feed.ts";
import { domain, machine } from "./testing.ts";
import type { Snapshot } from "./types.ts";

/** A xend that a test ends, starts anew, makes slow. */
class FakeXend {
  domains = [domain(0), domain(1)];
  isRunning = true;
  pid = 1;
  asked = 0;
  atOnce = 0;
  mostAtOnce = 0;
  connects = 0;
  answer: (figures: MachineFigures) => Promise<MachineFigures> = (figures) => Promise.resolve(figures);
  #push: (event: XendEvent | undefined) => void = () => {};
  readonly #start = performance.now();

  emit(event: XendEvent): void {
    this.#push(event);
  }

  end(): void {
    this.isRunning = false;
    this.#push(undefined);
  }

  connect(): Promise<DashboardXend> {
    this.connects++;
    if (!this.isRunning) return Promise.reject(new XendFailure("not-running", "xend is not running"));
    const unused = () => Promise.reject(new Error("not used here"));
    return Promise.resolve({
      figures: () => this.#figures(),
      followEvents: () => Promise.resolve(this.#events()),
      inspect: unused,
      detail: unused,
      list: unused,
      log: unused,
      consoleOutput: unused,
      attachConsole: unused,
    });
  }

  async #figures(): Promise<MachineFigures> {
    if (!this.isRunning) throw new XendFailure("not-running", "xend does not answer");
    this.asked++;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    try {
      return await this.answer(
        machine(performance.now() - this.#start, this.domains, {
          xendPid: this.pid,
          xendStartedAt: this.pid,
        }),
      );
    } finally {
      this.atOnce--;
    }
  }

  #events() {
    const queue: (XendEvent | undefined)[] = [];
    let wake = () => {};
    const push = (event: XendEvent | undefined) => {
      queue.push(event);
      wake();
    };
    this.#push = push;
    async function* events(): AsyncGenerator<XendEvent> {
      for (;;) {
        while (queue.length === 0) await new Promise<void>((resolve) => wake = resolve);
        const event = queue.shift();
        if (event === undefined) return;
        yield event;
      }
    }
    return { events: events(), close: () => Promise.resolve(push(undefined)) };
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 2));

async function until(isSo: () => boolean, what: string): Promise<void> {
  const start = performance.now();
  while (!isSo()) {
    assert.ok(performance.now() - start < 20_000, `never: ${what}`);
    await turn();
  }
}

async function withFeed(
  act: (feed: Feed, xend: FakeXend, snapshots: Snapshot[]) => Promise<void>,
  options: { delaySeconds?: number; patienceMs?: number } = {},
): Promise<void> {
  const xend = new FakeXend();
  let now = 1000;
  const feed = new Feed({ connect: () => xend.connect(), now: () => now++ }, {
    delaySeconds: 0.01,
    backoffMs: 5,
    ...options,
  });
  const snapshots: Snapshot[] = [];
  feed.subscribe(() => snapshots.push(feed.getSnapshot()));
  assert.deepEqual(feed.getSnapshot(), { connection: { kind: "connecting" }, rows: [], notices: [] });
  feed.start();
  try {
    await act(feed, xend, snapshots);
  } finally {
    await feed.stop();
  }
}

Deno.test("figures come every so often, never asked for twice at once; snapshots stay between them", async () => {
  await withFeed(async (feed, xend, snapshots) => {
    await until(() => feed.count >= 5, "five samples");
    assert.equal(xend.mostAtOnce, 1);
    assert.equal(feed.getSnapshot(), snapshots.at(-1));
    assert.equal(feed.getSnapshot().connection.kind, "connected");
    assert.deepEqual(feed.getSnapshot().rows.map(({ figures }) => figures.name), ["Domain-0", "guest1"]);
    assert.equal(snapshots.at(-1)!.rows[1].figures, snapshots.at(-2)!.rows[1].figures);
    assert.ok(feed.xend !== undefined);
  });
});

Deno.test("a refresh looks at once and also after a look that goes on; the delay can change", async () => {
  await withFeed(async (feed, xend) => {
    await until(() => xend.asked === 1 && feed.count === 1, "the first");
    feed.refresh();
    await until(() => xend.asked === 2, "the refresh");
    // It has no place in the histories.
    await until(() => feed.getSnapshot().rows.length === 2, "shown");
    assert.equal(feed.getSnapshot().rows[0].history.memory.length, 1);
    let release = () => {};
    xend.answer = (figures) => new Promise((resolve) => release = () => resolve(figures));
    feed.refresh();
    await until(() => xend.asked === 3, "a slow one");
    feed.refresh();
    feed.refresh();
    await turn();
    assert.equal(xend.asked, 3);
    xend.answer = (figures) => Promise.resolve(figures);
    release();
    await until(() => xend.asked === 4, "the one after it");
    feed.setDelay(0.01);
    await until(() => xend.asked > 8, "faster");
    assert.equal(xend.mostAtOnce, 1);
  }, { delaySeconds: 60 });
});

Deno.test("xend is lost and comes back: the last figures stay, marked, and both are told", async () => {
  await withFeed(async (feed, xend) => {
    await until(() => feed.count >= 3, "samples");
    xend.end();
    await until(() => feed.getSnapshot().connection.kind === "lost", "lost");
    const { connection, rows } = feed.getSnapshot();
    assert.ok(connection.kind === "lost" && connection.since >= 1000);
    assert.equal(rows.length, 2);
    const { connects } = xend;
    await until(() => xend.connects >= connects + 3, "it tries again");
    await until(() => {
      const now = feed.getSnapshot().connection;
      return now.kind === "lost" && now.message === "xend is not running";
    }, "why it cannot connect");
    assert.equal(feed.xend, undefined);
    xend.pid = 2;
    xend.isRunning = true;
    xend.domains = [domain(0, { startedAt: 9 })];
    await until(() => feed.getSnapshot().connection.kind === "connected", "back");
    const texts = feed.getSnapshot().notices.map(({ severity, text }) => `${severity} ${text}`);
    assert.deepEqual(texts.map((text) => text.replace(/: .*/, "")), [
      "alert xend is lost",
      "info xend is back",
    ]);
    assert.deepEqual(feed.getSnapshot().rows[0].history.memory.length, 1);
    assert.deepEqual(feed.getSnapshot().rows.length, 1);
  });
});

Deno.test("a xend that comes later than the dashboard is not back, it is there", async () => {
  const xend = new FakeXend();
  xend.isRunning = false;
  const feed = new Feed({ connect: () => xend.connect(), now: () => 1 }, {
    delaySeconds: 0.01,
    backoffMs: 5,
  });
  feed.start();
  try {
    await until(() => xend.connects > 2, "it tries");
    assert.deepEqual(feed.getSnapshot().connection, {
      kind: "lost",
      since: 1,
      message: "xend is not running",
    });
    xend.isRunning = true;
    await until(() => feed.count > 0, "a sample");
    assert.deepEqual(feed.getSnapshot().notices, []);
  } finally {
    await feed.stop();
  }
});

Deno.test("an error of the connection is a loss, a refusal is a notice, told once", async () => {
  await withFeed(async (feed, xend) => {
    await until(() => feed.count >= 1, "a sample");
    xend.answer = () => Promise.reject(new XendFailure("internal", "not now"));
    await until(() => feed.getSnapshot().notices.length > 0, "a notice");
    const { asked } = xend;
    await until(() => xend.asked > asked + 3, "more refusals");
    assert.deepEqual(feed.getSnapshot().notices.map(({ text }) => text), ["no figures: not now"]);
    assert.equal(feed.getSnapshot().connection.kind, "connected");
    xend.answer = () => Promise.reject(new TypeError("error reading a body from connection"));
    await until(
      () => feed.getSnapshot().notices.some(({ text }) => text.startsWith("xend is lost")),
      "a loss",
    );
  });
});

Deno.test("a xend that does not answer is called lost until it does", async () => {
  await withFeed(async (feed, xend) => {
    await until(() => feed.count >= 1, "a sample");
    let release = () => {};
    xend.answer = (figures) => new Promise((resolve) => release = () => resolve(figures));
    await until(() => feed.getSnapshot().connection.kind === "lost", "lost");
    const { asked } = xend;
    await turn();
    assert.equal(xend.asked, asked);
    xend.answer = (figures) => Promise.resolve(figures);
    release();
    await until(() => feed.getSnapshot().connection.kind === "connected", "back");
  }, { patienceMs: 20 });
});

Deno.test("events are notices, gathered, and make it look at once", async () => {
  await withFeed(async (feed, xend, snapshots) => {
    await until(() => feed.count === 1, "a sample");
    const before = snapshots.length;
    xend.domains = [domain(0), domain(1), domain(2)];
    for (let i = 0; i < 700; i++) {
      xend.emit({ type: "device", at: i, domid: 1, path: `/local/domain/1/device/vif/${i}/state`, state: 4 });
    }
    xend.emit({ type: "domain", at: 900, domid: 2, name: "guest2", change: "created" });
    await until(() => feed.getSnapshot().rows.length === 3, "the new domain");
    await until(() => feed.getSnapshot().notices.at(-1)?.text === "created", "the notice");
    const { notices } = feed.getSnapshot();
    assert.equal(notices.length, 500);
    assert.deepEqual(notices[0], { at: 201, severity: "info", domain: "guest1", text: "vif 201 connected" });
    assert.ok(snapshots.length - before < 20, `${snapshots.length - before} snapshots`);
  }, { delaySeconds: 60 });
});

Deno.test("it stops while xend does not answer, and says nothing after", async () => {
  await withFeed(async (feed, xend, snapshots) => {
    xend.answer = () => new Promise(() => {});
    await until(() => xend.asked === 1, "asked");
    await feed.stop();
    assert.equal(snapshots.length, 0);
  });
});
