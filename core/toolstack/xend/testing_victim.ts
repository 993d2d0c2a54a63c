/** A xend over a fake host that does things at random until it is killed; kill_test.ts reads what it says it did. */
import { join } from "node:path";
import { listenOnSocket } from "../api/listener.ts";
import { XendLock } from "./lock.ts";
import { XendLog } from "./log.ts";
import { apiSocket, lockFile, makeDirectories } from "./paths.ts";
import { StateStore } from "./state_store.ts";
import { FakeHost, fakeRequest, FakeSource } from "./testing.ts";
import { Xend } from "./xend.ts";

if (import.meta.main) {
  const [directory, seedText] = Deno.args;
  let seed = Number(seedText);
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor(seed / 65536) % below;
  };
  const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  const paths = { state: join(directory, "state"), log: join(directory, "log"), run: join(directory, "run") };
  makeDirectories(paths);
  using _lock = await XendLock.take(lockFile(paths));
  const host = new FakeHost();
  const xend = new Xend({
    host,
    source: new FakeSource(),
    state: new StateStore(paths.state),
    log: new XendLog({ path: join(paths.log, "xend.log"), rotateBytes: 20_000 }),
    minimumLifeMs: 0,
  });
  for (const line of xend.recover().said) say(`said ${line}`);
  await listenOnSocket({
    xend,
    status: () => {
      throw new Error("not asked");
    },
    stop: () => xend.stop(0),
  }, apiSocket(paths));
  say("ready");
  const actions: Record<string, (name: string) => Promise<unknown>> = {
    define: (name) => xend.create(fakeRequest({ name }, { defineOnly: true })),
    delete: (name) => xend.delete(name),
    start: (name) => xend.start(name),
    create: (name) => xend.create(fakeRequest({ name, autostart: random(2) === 0 })),
    destroy: (name) => xend.destroy(name),
    reboot: (name) => {
      xend.find(name);
      host.domains.findLast((domain) => domain.spec.name === name)?.end("reboot");
      return Promise.resolve();
    },
  };
  const kinds = Object.keys(actions);
  for (;;) {
    const kind = kinds[random(kinds.length)], name = `d${random(6)}`;
    say(`begin ${kind} ${name}`);
    try {
      await actions[kind](name);
      say(`end ${kind} ${name}`);
    } catch (error) {
      say(`refused ${kind} ${name} ${error instanceof Error ? error.name : ""}`);
    }
    if (random(4) === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
