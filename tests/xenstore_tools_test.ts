/** Debian's own XenStore clients against our socket. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type DomainDescription, startXenStoreSocket, XenStoreService } from "../core/dom0/mod.ts";
import { OFFLINE } from "./guests.ts";
import { type XenstoreClients, xenstoreClients } from "./xenstore_clients.ts";

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `xenstore-NAME`; the process is killed after 30 seconds. */
class Tools {
  constructor(private readonly clients: XenstoreClients, private readonly socket: string) {}

  start(name: string, ...args: string[]): Deno.ChildProcess {
    const { programs, libraries } = this.clients;
    return new Deno.Command(join(programs, `xenstore-${name}`), {
      args,
      clearEnv: true,
      env: { LD_LIBRARY_PATH: libraries.join(":"), XENSTORED_PATH: this.socket },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(30_000),
    }).spawn();
  }

  async run(name: string, ...args: string[]): Promise<Result> {
    const { code, stdout, stderr } = await this.start(name, ...args).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }

  /** Standard output of a run that succeeds. */
  async print(name: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(name, ...args);
    assert.equal(code, 0, `xenstore-${name} ${args.join(" ")}: ${stderr}`);
    return stdout;
  }
}

function domain(domid: number): DomainDescription {
  return {
    domid,
    name: `guest${domid}`,
    uuid: `00000000-0000-0000-0000-${String(domid).padStart(12, "0")}`,
    memoryKiB: 65536,
    maxMemoryKiB: 65536,
    vcpus: 1,
    store: { port: 1, frame: 1000 },
    console: { port: 2, frame: 1001 },
    image: { kernel: "/boot/vmlinuz", commandLine: "console=hvc0" },
    startTime: 1795236908.25,
    devices: [{ kind: "vbd", vdev: "xvda", target: "/dev/loop0", type: "phy" }],
  };
}

function introduce(service: XenStoreService, domid: number): void {
  const page = { bytes: new Uint8Array(new SharedArrayBuffer(4096)), written: () => {} };
  service.introduce(domain(domid), page, () => {});
}

function toolsTest(name: string, run: (tools: Tools, service: XenStoreService) => Promise<void>): void {
  Deno.test({
    name,
    ignore: OFFLINE || Deno.build.arch !== "x86_64" || Deno.build.os !== "linux",
    async fn() {
      const folder = await Deno.makeTempDir();
      const service = new XenStoreService();
      const socket = join(folder, "socket");
      const tools = new Tools(await xenstoreClients(), socket);
      const server = await startXenStoreSocket(service, socket);
      try {
        await run(tools, service);
      } finally {
        await server.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

toolsTest("xenstore-read, -write, -list, -exists, -rm and -chmod", async (tools, service) => {
  introduce(service, 1);
  assert.equal(await tools.print("write", "/test/a", "1", "/test/b", "two words"), "");
  assert.equal(await tools.print("read", "/test/a", "/test/b"), "1\ntwo words\n");
  assert.equal(await tools.print("read", "-p", "/test/a"), "/test/a: 1\n");
  assert.equal(await tools.print("read", "name"), "Domain-0\n", "relative to Domain-0's home");
  assert.equal(await tools.print("list", "/test"), "a\nb\n");
  assert.equal(await tools.print("list", "-p", "/test"), "/test/a\n/test/b\n");
  assert.equal((await tools.run("exists", "/test/a")).code, 0);
  assert.equal((await tools.run("exists", "/test/none")).code, 1);
  const missing = await tools.run("read", "/test/none");
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /couldn't read path \/test\/none/);
  assert.notEqual((await tools.run("read", "/bad path")).code, 0);

  await tools.print("chmod", "/test/a", "n0", "r1");
  assert.deepEqual(service.permissions("/test/a"), ["n0", "r1"]);
  await tools.print("chmod", "-r", "/test", "b1");
  assert.deepEqual(service.permissions("/test/b"), ["b1"]);
  assert.notEqual((await tools.run("chmod", "/test", "x1")).code, 0);

  await tools.print("write", "/deep/er/est", "x");
  await tools.print("rm", "-t", "/deep/er/est");
  assert.equal(service.exists("/deep"), false, "empty parents go too");
  await tools.print("rm", "/test");
  assert.equal(service.exists("/test"), false);
});

toolsTest("xenstore-ls shows a domain with values and permissions", async (tools, service) => {
  introduce(service, 1);
  const tree = await tools.print("ls", "/local/domain/1");
  assert.match(tree, /^name = "guest1"$/m);
  assert.match(tree, /^memory = ""\n static-max = "65536"\n target = "65536"\n videoram = "0"$/m);
  const full = await tools.print("ls", "-f", "-p", "/");
  const lines = new Map(
    full.trimEnd().split("\n").map((line) => {
      const match = /^(\S+) = "(.*)"[ .]*\((\S+)\)$/.exec(line);
      assert.ok(match, line);
      return [match[1], `${match[2]} ${match[3]}`];
    }),
  );
  assert.equal(lines.get("/local/domain/1/control/shutdown"), " n1");
  assert.equal(lines.get("/local/domain/1/device/vbd/51712/state"), "1 n1,r0");
  assert.equal(lines.get("/local/domain/0/backend/vbd/1/51712/dev"), "xvda n0,r1");
  assert.equal(lines.get("/libxl/1/type"), "pv n0");
  assert.ok(lines.size > 100, `${lines.size} nodes`);
});

toolsTest("xenstore-watch hears of changes by others, and of domains", async (tools, service) => {
  service.write("/watched", "");
  const watch = tools.start("watch", "-n", "4", "/watched", "@introduceDomain");
  const output = watch.output();
  // It has its two watches once each has fired for the first time.
  const deadline = performance.now() + 20_000;
  while (service.store.watches.size < 2) {
    assert.ok(performance.now() < deadline, "xenstore-watch sets its watches");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await tools.print("write", "/watched/below", "1");
  introduce(service, 5);
  const { code, stdout } = await output;
  assert.equal(code, 0);
  assert.deepEqual(
    new TextDecoder().decode(stdout).trim().split("\n").sort(),
    ["/watched", "/watched/below", "@introduceDomain", "@introduceDomain"],
  );
  assert.equal(service.store.watches.size, 0, "its watches end with it");
});

toolsTest("many clients at once, directories longer than a message, 200 domains", async (tools, service) => {
  for (let domid = 1; domid <= 200; domid++) introduce(service, domid);
  const names = Array.from({ length: 900 }, (_, i) => `entry-${i}`);
  for (const name of names) service.write(`/long/${name}`, "");
  assert.deepEqual((await tools.print("list", "/long")).trim().split("\n"), names);
  service.write("/parallel/first", "");
  const writers = Array.from({ length: 20 }, (_, i) => tools.print("write", `/parallel/${i}`, `${i}`));
  // Transactions of chmod -r meet the writes and are tried again.
  const changers = Array.from({ length: 5 }, (_, i) => tools.print("chmod", "-r", "/parallel", `r${i}`));
  await Promise.all([...writers, ...changers]);
  assert.equal(service.list("/parallel")?.length, 21);
  const start = performance.now();
  const nodes = (await tools.print("ls", "-f", "/")).trimEnd().split("\n").length;
  const ms = performance.now() - start;
  assert.ok(nodes > 200 * 90, `${nodes} nodes`);
  assert.ok(ms < 20_000, `xenstore-ls of ${nodes} nodes took ${Math.round(ms)} ms`);
});
