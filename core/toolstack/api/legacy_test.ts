/** xend's URLs of old, as its Python client used them: forms, S-expressions, statuses. */
import assert from "node:assert/strict";
import { FakeSource, fakeXend, settle } from "../xend/testing.ts";
import type { CreateRequest } from "./types.ts";
import { apiApp } from "./server.ts";
import { child, parseSxp, text } from "./sxp.ts";

/** Takes what legacy_config.ts writes. */
class NamedSource extends FakeSource {
  override read(request: CreateRequest) {
    const [, name] = /^name = "(.*)"$/m.exec(request.text) ?? [];
    return super.read({ ...request, text: JSON.stringify({ name }) });
  }
}

const CONFIG = "(vm (name old) (memory 16) (image (linux (kernel k))))";

Deno.test("an old client creates, unpauses, asks, shuts down and deletes", async () => {
  await using fake = fakeXend({ source: new NamedSource() });
  const { xend, host } = fake;
  let stopped = false;
  const app = apiApp({
    xend,
    status: () => {
      throw new Error("not asked");
    },
    stop: () => {
      stopped = true;
      return Promise.resolve([]);
    },
  });
  const get = (path: string, accept = "*/*") => app.request(`http://xend${path}`, { headers: { accept } });
  const post = (path: string, fields: Record<string, string>, multipart = false) => {
    const form = multipart ? new FormData() : new URLSearchParams();
    for (const [key, value] of Object.entries(fields)) form.append(key, value);
    return app.request(`http://xend${path}`, { method: "POST", body: form });
  };
  const sxp = async (response: Promise<Response> | Response) => parseSxp(await (await response).text());

  const created = await post("/xend/domain", { op: "create", config: CONFIG }, true);
  assert.equal(created.status, 201);
  assert.equal(created.headers.get("location"), "/xend/domain/old");
  assert.equal(created.headers.get("content-type"), "application/sxp");
  assert.equal(text(await sxp(created), "name"), "old");
  // It is the client that lets it run.
  assert.equal(host.last.pauses, 1);
  const unpaused = await post("/xend/domain/old", { op: "unpause" });
  assert.equal(unpaused.status, 202);
  assert.equal(host.last.pauses, 0);
  assert.deepEqual(await sxp(get("/xend/domain")), ["Domain-0", "old"]);
  const detailed = await sxp(get("/xend/domain?detail=1"));
  assert.deepEqual(Array.isArray(detailed) && detailed.map((domain) => text(domain, "name")), [
    "Domain-0",
    "old",
  ]);
  const record = await sxp(get("/xend/domain/old"));
  assert.deepEqual([text(record, "domid"), text(record, "memory"), text(record, "state")], [
    "1",
    "16",
    "-b----",
  ]);
  assert.equal(text(child(await sxp(get("/xend/domain/1?op=vcpuinfo")), "vcpu"), "number"), "0");
  assert.equal((await post("/xend/domain/old", { op: "mem_target_set", target: "8" })).status, 202);
  assert.equal(host.last.nodes.get("memory/target"), "8192");
  assert.deepEqual(await sxp(post("/xend/domain/old", { op: "domain_sched_credit_get" })), [
    "sched_credit",
    ["weight", "256"],
    ["cap", "0"],
  ]);
  assert.equal((await post("/xend/domain/old", { op: "sysrq", key: "104" })).status, 202);
  assert.equal(host.last.nodes.get("control/sysrq"), "h");
  const device = (op: string, fields: Record<string, string>) => post("/xend/domain/old", { op, ...fields });
  const vbd = "(vbd (uname file:/a.img) (dev xvdb:disk) (mode w))";
  assert.equal((await device("device_create", { config: vbd })).status, 202);
  assert.equal(
    (await device("device_create", { config: "(vif (bridge lan) (mac 00:16:3e:0:0:1))" })).status,
    202,
  );
  const attached = [...host.last.devices?.served.values() ?? []];
  assert.deepEqual(attached.map((each) => each.kind === "vbd" ? each.target : each.bridge), [
    "/a.img",
    "lan",
  ]);
  assert.match(await (await device("device_create", { config: vbd })).text(), /is already connected/);
  assert.match(
    await (await device("device_create", { config: "(pci)" })).text(),
    /a device is an S-expression/,
  );
  host.last.devices?.busy.add("vbd 51728");
  assert.match(await (await device("device_destroy", { type: "vbd", dev: "xvdb" })).text(), /not let go/);
  assert.equal((await device("device_destroy", { type: "vbd", dev: "51728", force: "1" })).status, 202);
  assert.equal((await device("device_destroy", { type: "vif", dev: "0" })).status, 202);
  assert.equal(host.last.devices?.served.size, 0);
  assert.equal((await post("/xend/domain/old", { op: "shutdown", reason: "halt" })).status, 202);
  assert.equal(host.last.nodes.get("control/shutdown"), "halt");
  assert.equal((await post("/xend/domain/old", { op: "destroy" })).status, 202);
  await settle();
  assert.equal((await get("/xend/domain/old")).status, 404);
  assert.equal((await post("/xend/domain", { op: "new", config: CONFIG })).status, 201);
  assert.equal((await post("/xend/domain/old", { op: "start", paused: "1" })).status, 202);
  await post("/xend/domain/old", { op: "destroy" });
  assert.equal((await post("/xend/domain/old", { op: "delete" })).status, 202);

  // Refusals.
  assert.equal((await post("/xend/domain", {})).status, 406);
  assert.equal((await post("/xend/domain", { op: "fly" })).status, 501);
  assert.equal((await get("/xend/domain/Domain-0?op=fly")).status, 501);
  const wrong = await post("/xend/domain", { op: "create", config: "(vm" });
  assert.equal(wrong.status, 500);
  const error = await sxp(wrong);
  assert.equal(Array.isArray(error) && error[0], "xend.err");
  assert.equal((await post("/xend/domain/Domain-0", { op: "destroy" })).status, 500);

  const page = await get("/xend/domain", "text/html,*/*");
  assert.equal(page.headers.get("content-type"), "text/html");
  assert.match(await page.text(), /<pre>\(Domain-0\)<\/pre>/);
  assert.equal(text(await sxp(get("/xend/node")), "nr_cpus"), "2");
  assert.match(await (await get("/xend/node/log")).text(), /domain old/);
  assert.equal((await post("/xend/node", { op: "shutdown" })).status, 202);
  assert(stopped);
});
