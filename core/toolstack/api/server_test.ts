/** The API over a real socket and a real port, xend over a fake host. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fakeRequest, type FakeXend, fakeXend, settle } from "../xend/testing.ts";
import { XenStoreService } from "../../dom0/mod.ts";
import type { TraceLine } from "../trace/line.ts";
import { Feed } from "../xend/feed.ts";
import { apiSocket, type XendPaths } from "../xend/paths.ts";
import { XendClient, XendFailure } from "./client.ts";
import { type Listener, listenOnSocket, listenOnTcp } from "./listener.ts";
import { domainInspectionSchema, machineFiguresSchema } from "./figures_schemas.ts";
import {
  createReplySchema,
  deviceRecordSchema,
  domainDetailSchema,
  domainSummarySchema,
  nodeInfoSchema,
  xendEventSchema,
  xendStatusSchema,
} from "./schemas.ts";
import { apiApp, type ApiHost } from "./server.ts";
import type { XendStatus } from "./types.ts";

interface Served extends AsyncDisposable {
  readonly fake: FakeXend;
  readonly client: XendClient;
  readonly paths: XendPaths;
  readonly api: ApiHost;
}

async function serve(xenstore?: XenStoreService): Promise<Served> {
  const fake = fakeXend();
  const { xend, directory } = fake;
  const paths = { state: join(directory, "state"), log: join(directory, "log"), run: directory };
  const status = (): XendStatus => ({
    pid: Deno.pid,
    startedAt: 1,
    version: "0",
    api_socket: apiSocket(paths),
    xenstore_socket: "",
    state_directory: paths.state,
    log_directory: paths.log,
    domains: xend.domainCount,
  });
  const api: ApiHost = { xend, xenstore, status, stop: (graceMs) => xend.stop(graceMs) };
  const listener = await listenOnSocket(api, apiSocket(paths));
  const client = await XendClient.connect({ paths });
  return {
    fake,
    client,
    paths,
    api,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await listener.close();
      await fake[Symbol.asyncDispose]();
    },
  };
}

async function fails(promise: Promise<unknown>, code: string, words = /./): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert(error instanceof XendFailure, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  });
}

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("the client's calls reach xend, and replies are what the schemas say", async () => {
  await using served = await serve();
  const { client, fake: { host } } = served;
  createReplySchema.parse(await client.create(fakeRequest({ name: "ä" })));
  const list = domainSummarySchema.array().parse(await client.domains());
  assert.deepEqual(list.map(({ name }) => name), ["Domain-0", "ä"]);
  for (const id of ["ä", 1, "0", "Domain-0"]) domainDetailSchema.parse(await client.domain(id));
  await client.pause("ä");
  assert.equal((await client.domain("ä")).state.paused, true);
  await client.unpause("ä");
  await client.setMemory("ä", 8192);
  assert.equal(host.last.nodes.get("memory/target"), "8192");
  await fails(client.setMemory("ä", 1024 * 1024), "bad-request", /4096 to 32768 KiB/);
  await fails(client.setVcpus("ä", 2), "bad-request", /from 1 to 1/);
  await client.setVcpus("ä", 1);
  await client.sysrq("ä", "h");
  assert.equal(host.last.nodes.get("control/sysrq"), "h");
  await fails(client.sysrq("ä", "hh"), "bad-request");
  await fails(client.pin("ä", "all", { hard: [0] }), "not-supported");
  await fails(client.setScheduler("ä", { weight: 512 }), "not-supported");
  await fails(client.trigger("ä", "nmi"), "not-supported");
  await fails(client.dumpCore("ä"), "not-supported");
  const set: unknown[] = [];
  host.last.control = {
    schedule: { get: () => ({ weight: 256, cap: 0 }), set: (parameters) => set.push(parameters) },
    setAffinity: (...all) => set.push(all),
    setMaxPages: (pages) => set.push(pages),
    coreDump: (write) => write(encode("core")),
  };
  await client.setScheduler("ä", { weight: 512 });
  await client.pin("ä", 0, { hard: [0, 1] });
  await client.setMaxMemory("ä", 16384);
  await fails(client.pin("ä", 0, { hard: [2] }), "bad-request", /pCPUs 0 to 1/);
  await fails(client.pin("ä", 4, { hard: [1] }), "bad-request", /no vCPU 4/);
  await fails(client.setScheduler("ä", { weight: 0 }), "bad-request");
  assert.deepEqual(set, [{ weight: 512 }, [0, [0, 1], undefined], 4096]);
  assert.equal(Deno.readTextFileSync((await client.dumpCore("ä")).file), "core");
  await client.rename("ä", "b");
  await client.reset("b");
  assert.equal(host.domains.length, 2);
  await client.destroy("b");
  await client.create(fakeRequest({ name: "m" }, { defineOnly: true }));
  assert.equal((await client.domains()).length, 1);
  assert.equal((await client.domains(true)).length, 2);
  await client.start("m", true);
  assert.equal(host.last.pauses, 1);
  await client.destroy("m");
  await client.delete("m");
  nodeInfoSchema.parse(await client.node());
  xendStatusSchema.parse(await client.status());
  assert.match(await client.log(), /domain m \(3\): created/);
  assert.equal(await client.dmesg(), "");
  assert.deepEqual(await client.stop(0), { destroyed: [] });
});

Deno.test("refusals have their code and their HTTP status", async () => {
  await using served = await serve();
  const { client, paths } = served;
  await client.create(fakeRequest({ name: "a" }));
  await fails(client.domain("b"), "no-such-domain", /"b"/);
  await fails(client.create(fakeRequest({ name: "a" })), "name-exists");
  await fails(client.create(fakeRequest({ name: "" })), "bad-config");
  await fails(client.start("a"), "wrong-state");
  await fails(client.delete("a"), "wrong-state");
  await fails(client.operate("a", "fly"), "bad-request", /"fly"/);
  await fails(client.operate("a", "__proto__"), "bad-request");
  await fails(client.operate("a", "pause", { more: 1 }), "bad-request");
  await fails(client.post("/domains", { name: "a" }), "bad-request");
  await fails(client.get("/nowhere"), "bad-request");
  await fails(client.shutdown("a", { wait: true, timeoutMs: 10 }), "timeout");
  using http = Deno.createHttpClient({ proxy: { transport: "unix", path: apiSocket(paths) } });
  const status = async (method: string, path: string, body?: string) => {
    const init: RequestInit & { client: Deno.HttpClient } = { method, body, client: http };
    const response = await fetch(`http://xend/api/v1${path}`, init);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("GET", "/domains/b"), 404);
  assert.equal(await status("POST", "/domains", JSON.stringify(fakeRequest({ name: "a" }))), 409);
  assert.equal(await status("POST", "/domains", JSON.stringify(fakeRequest({ name: "" }))), 422);
  assert.equal(await status("POST", "/domains", "{"), 400);
  assert.equal(await status("POST", "/domains/a/trigger", '{"name":"nmi"}'), 501);
  assert.equal(await status("POST", "/domains/a/pause"), 204);
  assert.equal(await status("DELETE", "/domains/a"), 404);
  assert.equal(await status("POST", "/domains", "x".repeat(5_000_000)), 400);
  assert.equal((Deno.statSync(apiSocket(paths)).mode ?? 0) & 0o777, 0o600);
});

Deno.test("events and consoles are streams; a client that leaves is forgotten", async () => {
  await using served = await serve();
  const { client, fake: { xend, host } } = served;
  const seen: string[] = [];
  const events = client.events(["domain"]);
  const reading = (async () => {
    for await (const event of events) {
      xendEventSchema.parse(event);
      if (event.type === "domain") seen.push(event.change);
      if (seen.length === 2) return;
    }
  })();
  while (xend.events.followers === 0) await settle();
  await client.create(fakeRequest({ name: "a" }));
  await reading;
  assert.deepEqual(seen, ["created", "unpaused"]);
  while (xend.events.followers > 0) await settle();

  host.last.print("before ");
  const attached = await client.attachConsole("a");
  await attached.input(encode("typed"));
  while (host.last.received !== "typed") await settle();
  await client.consoleInput("a", encode(" more"));
  assert.equal(host.last.received, "typed more");
  let text = "";
  const all = (async () => {
    for await (const bytes of attached.output) text += new TextDecoder().decode(bytes);
  })();
  host.last.print("after");
  const kept = await new Response(await client.consoleOutput("a") as ReadableStream<Uint8Array>).text();
  assert.equal(kept, "before after");
  await client.destroy("a");
  await all;
  assert.equal(text, "before after");
  await fails(client.attachConsole("a"), "no-such-domain");

  // One that ended by itself is still read for a moment; not one that was destroyed.
  await client.create(fakeRequest({ name: "brief" }));
  host.last.print("all that it says");
  host.last.end("poweroff");
  while (xend.list().some(({ name }) => name === "brief")) await settle();
  const late = await client.attachConsole("brief");
  assert.equal(late.ended, "poweroff");
  assert.equal(await new Response(ReadableStream.from(late.output)).text(), "all that it says");
  await fails(client.domain("brief"), "no-such-domain");

  await client.create(fakeRequest({ name: "c" }));
  const leaving = await client.attachConsole("c", false);
  assert.equal(xend.find("c").console.followers, 1);
  leaving.close();
  while (xend.find("c").console.followers > 0) await settle();
});

Deno.test("figures of everything in one reply, and what is inside a domain", async () => {
  await using served = await serve();
  const { client, fake: { host } } = served;
  await client.create(fakeRequest({ name: "b", vcpus: 2 }));
  await client.create(fakeRequest({ name: "a", defineOnly: true } as never, { defineOnly: true }));
  host.last.nodes.set("memory/target", "8192");
  const figures = machineFiguresSchema.parse(await client.figures());
  assert.deepEqual(figures.domains.map(({ name, domid, vcpus }) => [name, domid, vcpus.length]), [
    ["Domain-0", 0, 2],
    ["b", 1, 2],
  ]);
  const [dom0, guest] = figures.domains;
  assert.equal(dom0.maxMemoryKiB, undefined);
  assert.deepEqual([guest.targetKiB, guest.maxMemoryKiB, guest.seconds], [8192, 32768, 1]);
  assert.deepEqual(figures.pcpus.map(({ state, runs }) => [state, runs?.domid]), [["busy", 1], [
    "idle",
    undefined,
  ]]);
  assert.equal(figures.xendPid, Deno.pid);
  host.last.nodes.set("memory/target", "much");
  assert.equal((await client.figures()).domains[1].targetKiB, undefined);

  const inside = domainInspectionSchema.parse(await client.inspect("b"));
  assert.equal(inside.domid, 1);
  assert.equal(inside.grants[0].frame, "0xff");
  assert.equal(domainInspectionSchema.parse(await client.inspect(0)).domid, 0);
  await fails(client.inspect("a"), "wrong-state");
  await fails(client.inspect("c"), "no-such-domain");
});

Deno.test("Prometheus' metrics where they were asked for, by the same rules as the API", async () => {
  await using served = await serve();
  const { client, api } = served;
  await client.create(fakeRequest({ name: 'a"b' }));
  assert.equal((await apiApp(api).request("http://xend/metrics")).status, 404);
  const token = "0123456789abcdef";
  const listener = await listenOnTcp({ ...api, metrics: true }, 0, token);
  try {
    const url = `http://${listener.address}/metrics`;
    const refused = await fetch(url);
    assert.deepEqual([refused.status, (await refused.json()).code], [401, "unauthorized"]);
    const reply = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(reply.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.match(await reply.text(), /\nxen_domain_cpu_seconds_total\{domain="a\\"b",domid="1"\} 1\n/);
  } finally {
    await listener.close();
  }
});

Deno.test("XenStore over the API; its watches and consoles' output come as events to those who ask", async () => {
  const xenstore = new XenStoreService();
  await using served = await serve(xenstore);
  const { client, fake: { xend, host } } = served;
  await client.xenstoreWrite("/a/b", "wörter");
  assert.equal(await client.xenstoreRead("/a/b"), "wörter");
  assert.deepEqual(await client.xenstoreList("/a"), ["b"]);
  await client.xenstoreChmod("/a/b", ["n3", "r0"]);
  assert.deepEqual(await client.xenstorePermissions("/a/b"), ["n3", "r0"]);
  await client.xenstoreMkdir("/a/c");
  await client.xenstoreRemove("/a/b");
  assert.equal(await client.xenstoreExists("/a/b"), false);
  await fails(client.xenstoreRead("/a/b"), "no-such-path", /\/a\/b/);
  await fails(client.xenstoreRead("a b"), "bad-request");
  await fails(client.xenstoreChmod("/a", ["x1"]), "bad-request");

  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of client.events(["console"], ["/a"])) {
      xendEventSchema.parse(event);
      if (event.type === "watch") seen.push(`${event.path} ${event.token}`);
      if (event.type === "console") seen.push(`${event.name} ${event.domid} ${event.text}`);
      if (seen.length === 3) return;
    }
  })();
  while (xend.events.followers === 0) await settle();
  await client.xenstoreWrite("/a/c", "1");
  await client.create(fakeRequest({ name: "d" }));
  host.last.print("hello");
  await reading;
  assert.deepEqual(seen, ["/a /a", "/a/c /a", "d 1 hello"]);
  while (xend.events.followers > 0) await settle();
  const watched: string[] = [];
  for await (const event of client.xenstoreWatch(["/a/c"])) {
    if (event.type === "watch") watched.push(event.path);
    if (watched.length === 2) break;
    await client.xenstoreWrite("/a/c", "2");
  }
  assert.deepEqual(watched, ["/a/c", "/a/c"]);
});

Deno.test("devices are attached and detached over the API; what is no request for that is refused", async () => {
  await using served = await serve();
  const { client, api, fake: { host } } = served;
  await client.create(fakeRequest({ name: "ä" }));
  const attach = (kind: "vbd" | "vif", spec: string) =>
    client.attachDevice("ä", { kind, spec, directory: "/guests" });
  const disk = deviceRecordSchema.parse(await attach("vbd", "a.img,raw,xvda,rw"));
  assert.deepEqual([disk.kind, disk.devid], ["vbd", 51712]);
  const [device] = host.last.devices?.served.values() ?? [];
  assert.equal(device.kind === "vbd" && device.target, "/guests/a.img");
  const net = deviceRecordSchema.parse(await attach("vif", ""));
  assert.match(net.mac ?? "", /^00:16:3e:/);
  await fails(attach("vbd", "/b,raw,xvda"), "name-exists", /xvda \(51712, vbd\) is already connected/);
  await fails(attach("vbd", "/b,qed,xvdb"), "bad-config", /only raw images/);
  await fails(attach("vbd", "/b,raw,foo"), "bad-config", /names no disk/);
  await fails(attach("vif", "a\nb"), "bad-request", /control characters/);
  host.last.devices?.busy.add("vbd 51712");
  await fails(client.detachDevice("ä", "vbd", 51712), "busy", /let go/);
  await client.detachDevice("ä", "vbd", 51712, true);
  await fails(client.detachDevice("ä", "vbd", 51712), "no-such-device", /not connected/);
  await client.detachDevice("ä", "vif", 0);
  assert.equal(host.last.devices?.served.size, 0);
  await fails(client.detachDevice("b", "vif", 0), "no-such-domain");
  await client.create(fakeRequest({ name: "m" }, { defineOnly: true }));
  await fails(client.detachDevice("m", "vif", 0), "wrong-state", /not running/);
  host.last.devices = undefined;
  await fails(attach("vif", ""), "not-supported", /no backends/);

  const app = apiApp(api);
  const status = async (method: string, path: string, body?: unknown) =>
    (await app.request(`http://xend/api/v1/domains/${path}`, { method, body: JSON.stringify(body) })).status;
  assert.equal(await status("DELETE", "1/devices/vbd/x"), 400);
  assert.equal(await status("DELETE", "1/devices/tap/1"), 400);
  assert.equal(await status("DELETE", "1/devices/vbd/99999999999"), 400);
  assert.equal(await status("DELETE", "1/devices/vbd"), 404);
  assert.equal(await status("POST", "1/devices", { kind: "vbd" }), 400);
  assert.equal(await status("POST", "1/devices", { kind: "vif", spec: "", directory: "/", more: 1 }), 400);
});

Deno.test("gdb and trace: what this host cannot do is not supported, the others get what they ask for", async () => {
  await using served = await serve();
  const { client, api, fake: { xend } } = served;
  await client.create(fakeRequest({ name: "a" }));
  await fails(client.gdb("a"), "not-supported");
  await fails(client.operate("a", "trace"), "not-supported");
  await fails(client.gdb("b"), "no-such-domain");
  const asked: unknown[] = [];
  const feed = new Feed<readonly TraceLine[]>({ limit: 10, sizeOf: ({ length }) => length, lost: () => [] });
  const line: TraceLine = { type: "event", at: 1, domid: 1, vcpu: 0, name: "upcall", args: {} };
  const app = apiApp({
    ...api,
    debug: {
      gdb: (...all) => {
        asked.push(all);
        return Promise.resolve("127.0.0.1:1");
      },
      trace: (...all) => {
        asked.push(all);
        return feed;
      },
    },
  });
  const post = (path: string, body: unknown) =>
    app.request(`http://xend/api/v1/domains/${path}`, { method: "POST", body: JSON.stringify(body) });
  assert.deepEqual(await (await post("a/gdb", { port: 5 })).json(), { address: "127.0.0.1:1" });
  assert.equal((await post("a/gdb", { port: 70000 })).status, 400);
  feed.push([line, line]);
  feed.end();
  assert.equal(
    await (await post("a/trace", { expressions: ["kind=trap"] })).text(),
    `${JSON.stringify(line)}\n`.repeat(2),
  );
  assert.deepEqual(asked, [[1, { port: 5 }], [1, { expressions: ["kind=trap"] }]]);
  await xend.destroy("a");
});

Deno.test("a client that does not read stalls nobody and is told what it lost", async () => {
  await using served = await serve();
  const { client, paths, fake: { xend } } = served;
  const idle = await Deno.connect({ transport: "unix", path: apiSocket(paths) });
  await idle.write(encode("GET /api/v1/events?types=log HTTP/1.1\r\nHost: xend\r\n\r\n"));
  while (xend.events.followers === 0) await settle();
  let read = 0;
  const reading = (async () => {
    for await (const event of client.events(["log"])) {
      if (event.type === "log" && ++read === 20_000) return;
      if (event.type === "lost") read += event.count;
    }
  })();
  while (xend.events.followers < 2) await settle();
  const line = "x".repeat(1000);
  const started = performance.now();
  for (let i = 0; i < 20_000; i++) {
    xend.events.emit({ type: "log", at: 0, line });
    if (i % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await client.domains();
  await reading;
  assert(performance.now() - started < 20_000);
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  while (!text.includes('"lost"')) {
    const count = await idle.read(buffer);
    assert(count !== null, "the stream ended without a word of what was lost");
    text = text.slice(-1000) + decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  idle.close();
  while (xend.events.followers > 0) await settle();
});

Deno.test("TCP: without the token nobody, with it no page of a browser", async () => {
  await using served = await serve();
  const token = "0123456789abcdef";
  const listener: Required<Listener> = await listenOnTcp(served.api, 0, token);
  const [, port] = listener.address.split(":");
  /** The status of a request with these header lines, sent as they are. */
  const status = async (headers: readonly string[], line = "GET /api/v1/status") => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await connection.write(
      encode(`${line} HTTP/1.1\r\n${headers.join("\r\n")}\r\nConnection: close\r\n\r\n`),
    );
    const reply = await new Response(connection.readable).text();
    return Number(reply.split(" ")[1]);
  };
  const host = `Host: 127.0.0.1:${port}`, bearer = `Authorization: Bearer ${token}`;
  try {
    assert.equal(await status([host, bearer]), 200);
    assert.equal(await status([`Host: localhost:${port}`, bearer, `Origin: http://localhost:${port}`]), 200);
    assert.equal(await status([host, `Authorization: Basic ${btoa(`xen:${token}`)}`]), 200);
    // No token, a wrong one, a longer one, a broken one.
    assert.equal(await status([host]), 401);
    assert.equal(await status([host, "Authorization: Bearer 0123456789abcdee"]), 401);
    assert.equal(await status([host, `${bearer}x`]), 401);
    assert.equal(await status([host, "Authorization: Basic %%%"]), 401);
    // DNS rebinding: the page's own name stands in Host, even where the browser adds what it was told to.
    assert.equal(await status([`Host: evil.example:${port}`, bearer]), 401);
    assert.equal(await status(["Host: 127.0.0.1", bearer]), 401);
    // CSRF: a form or a script of another site.
    const form = ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 10"];
    assert.equal(
      await status([host, bearer, "Origin: http://evil.example", ...form], "POST /xend/node"),
      401,
    );
    assert.equal(await status([host, bearer, "Origin: null"]), 401);
    assert.equal(await status([host, bearer, "Sec-Fetch-Site: cross-site"]), 401);
    // The upgraded console is behind the same guard.
    const attach = "POST /api/v1/domains/a/console/attach";
    const upgrade = ["Upgrade: xen-console", "Connection: Upgrade"];
    assert.equal(await status([host, ...upgrade], attach), 401);
    assert.equal(await status([host, bearer, ...upgrade], attach), 404);
  } finally {
    await listener.close();
  }
});
