/** Devices of domains that are created, and of running ones; the backends are made up. */
import assert from "node:assert/strict";
import type { DeviceRecord, ErrorCode } from "../api/types.ts";
import { parseDisk, parseVif } from "../config/mod.ts";
import { DeviceError } from "../host.ts";
import { parseDeviceNumber } from "./device_operations.ts";
import { deviceDescriptions, withoutDetached } from "./device_source.ts";
import { XendError } from "./errors.ts";
import { fakeRequest, fakeXend, settle } from "./testing.ts";

function refused(code: ErrorCode, words: RegExp) {
  return (error: unknown) => {
    assert(error instanceof XendError, String(error));
    assert.deepEqual([error.code, error.message.match(words) === null ? error.message : ""], [code, ""]);
    return true;
  };
}

const disk = (spec: string) => ({ kind: "vbd", spec, directory: "/guests" }) as const;
const vif = (spec: string) => ({ kind: "vif", spec, directory: "/" }) as const;

Deno.test("a domain is created with its configuration's devices, and with the changed ones when it reboots", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  const more = { disks: [parseDisk("root.img,raw,xvda,rw")], vifs: [parseVif("bridge=lan", 0)] };
  await xend.create(fakeRequest({ name: "a", more }, { directory: "/guests" }));
  const [root, net] = host.last.spec.devices ?? [];
  assert.equal(root.kind === "vbd" && root.target, "/guests/root.img");
  assert.equal(net.kind === "vif" && net.bridge, "lan");
  await xend.attachDevice("a", disk("data.img,raw,xvdb,rw"));
  await xend.detachDevice("a", "vbd", 51712);
  const first = host.last;
  first.end("reboot");
  await settle();
  assert.notEqual(host.last, first);
  // The same address, too.
  const [same, data] = host.last.spec.devices ?? [];
  assert.deepEqual([same, data.kind === "vbd" && data.target], [net, "/guests/data.img"]);
  await xend.destroy("a");
  await xend.create(fakeRequest({ name: "a", more }, { directory: "/guests" }));
  assert.deepEqual(host.last.spec.devices?.map(({ kind }) => kind), ["vbd", "vif"]);
});

Deno.test("a domain's configuration is told without the devices that were detached from it", () => {
  const effective = {
    name: "a",
    disk: [parseDisk("/a,raw,xvda"), parseDisk("/b,raw,hdc")],
    vif: [parseVif("", 0)],
  };
  const devices = deviceDescriptions({ disks: effective.disk, vifs: effective.vif }, "/");
  assert.deepEqual(withoutDetached(effective, devices), effective);
  const [, ide] = devices;
  assert.deepEqual(withoutDetached(effective, [ide]), { ...effective, disk: [effective.disk[1]], vif: [] });
  assert.deepEqual(withoutDetached({ name: "a" }, []), { name: "a" });
});

Deno.test("devices that cannot be served keep a domain from being created", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  const create = (...specs: string[]) =>
    xend.create(fakeRequest({ name: "a", more: { disks: specs.map(parseDisk) } }));
  await assert.rejects(create("/a,qcow2,xvda"), refused("bad-config", /only raw images/));
  await assert.rejects(create("/a,raw,foo"), refused("bad-config", /names no disk/));
  await assert.rejects(create("/a,raw,xvda", "/b,raw,xvda"), refused("bad-config", /there twice/));
  host.failure = new DeviceError("image", "disk xvda: /a: No such file");
  await assert.rejects(create("/a,raw,xvda"), refused("bad-image", /^disk xvda: \/a: No such file$/));
  host.failure = new DeviceError("unsupported", "disk xvda: domain 3 does not serve disks");
  await assert.rejects(create("/a,raw,xvda"), refused("not-supported", /does not serve/));
  assert.deepEqual(xend.list(true).length, 1);
  await create("/a,raw,xvda");
});

Deno.test("a disk is attached and detached; each refusal has its code", async () => {
  const record: DeviceRecord = {
    kind: "vbd",
    devid: 51728,
    backendDomid: 0,
    state: 4,
    eventChannel: 7,
    ringRefs: [9],
    backendPath: "/local/domain/0/backend/vbd/1/51728",
  };
  let records: DeviceRecord[] = [];
  await using fake = fakeXend({ devices: () => records });
  const { xend, host, log } = fake;
  await xend.create(fakeRequest({ name: "a" }));
  records = [record];
  assert.deepEqual(await xend.attachDevice("a", disk("data.img,raw,xvdb,rw")), record);
  const { devices } = host.last;
  assert.ok(devices);
  assert.deepEqual([...devices.served.keys()], ["vbd 51728"]);
  records = [];
  const bare = await xend.attachDevice("a", disk("/c.img,raw,hdc,r"));
  assert.deepEqual(bare, {
    ...record,
    devid: 5632,
    state: 1,
    eventChannel: -1,
    ringRefs: [-1],
    backendPath: "/local/domain/0/backend/vbd/1/5632",
  });
  await assert.rejects(
    xend.attachDevice("a", disk("/x,raw,xvdb,rw")),
    refused("name-exists", /^Device xvdb \(51728, vbd\) is already connected\.$/),
  );
  devices.failure = new DeviceError("image", "disk xvdd: /x: No such file");
  await assert.rejects(xend.attachDevice("a", disk("/x,raw,xvdd")), refused("bad-image", /No such file/));
  devices.failure = new DeviceError("unsupported", "no");
  await assert.rejects(xend.attachDevice("a", disk("/x,raw,xvdd")), refused("not-supported", /no/));
  devices.failure = new RangeError("foo names no disk");
  await assert.rejects(xend.attachDevice("a", disk("/x,raw,xvdd")), refused("bad-config", /foo/));
  await assert.rejects(xend.attachDevice("a", disk("/x,raw,foo")), refused("bad-config", /names no disk/));
  await assert.rejects(xend.attachDevice("a", disk("/x,qcow2,xvdd")), refused("bad-config", /only raw/));

  devices.busy.add("vbd 51728");
  await assert.rejects(xend.detachDevice("a", "vbd", 51728), refused("busy", /not let go.*--force/));
  await xend.detachDevice("a", "vbd", 51728, true);
  await assert.rejects(
    xend.detachDevice("a", "vbd", 51728),
    refused("no-such-device", /^Device xvdb \(51728, vbd\) is not connected\.$/),
  );
  assert.deepEqual([...devices.served.keys()], ["vbd 5632"]);
  assert.match(
    log.lines().join("\n"),
    /a: device xvdb \(51728, vbd\) is attached[^]*a: device xvdb \(51728, vbd\) is detached/,
  );
});

Deno.test("an interface without a number takes the lowest free one", async () => {
  await using fake = fakeXend();
  const { xend } = fake;
  await xend.create(fakeRequest({ name: "a", more: { vifs: [parseVif("devid=1", 0)] } }));
  const attach = async (spec: string) => (await xend.attachDevice("a", vif(spec))).devid;
  assert.deepEqual([await attach(""), await attach("devid=5"), await attach("bridge=b")], [0, 5, 2]);
  await xend.detachDevice("a", "vif", 0);
  const { devid, mac, ringRefs } = await xend.attachDevice("a", vif("mac=00:16:3e:00:00:09"));
  assert.deepEqual([devid, mac, ringRefs], [0, "00:16:3e:00:00:09", [-1, -1]]);
  await assert.rejects(
    xend.attachDevice("a", vif("devid=5")),
    refused("name-exists", /^Device 5 \(vif\) is already connected\.$/),
  );
  await assert.rejects(xend.detachDevice("a", "vif", 9), refused("no-such-device", /Device 9 \(vif\)/));
});

Deno.test("only running domains of a host with backends have devices attached and detached", async () => {
  await using fake = fakeXend();
  const { xend, host } = fake;
  await assert.rejects(xend.attachDevice("b", vif("")), refused("no-such-domain", /"b"/));
  await assert.rejects(xend.detachDevice("0", "vif", 0), refused("wrong-state", /Domain-0/));
  await xend.create(fakeRequest({ name: "m" }, { defineOnly: true }));
  await assert.rejects(xend.attachDevice("m", vif("")), refused("wrong-state", /not running/));
  await xend.create(fakeRequest({ name: "a", actions: { poweroff: "preserve" } }));
  host.last.devices = undefined;
  await assert.rejects(xend.attachDevice("a", vif("")), refused("not-supported", /no backends/));
  await assert.rejects(xend.detachDevice("a", "vbd", 1), refused("not-supported", /no backends/));
  host.last.end("poweroff");
  await settle();
  await assert.rejects(xend.attachDevice("a", vif("")), refused("wrong-state", /ended already/));
});

Deno.test("old clients name devices by number or by a disk's name", () => {
  assert.equal(parseDeviceNumber("vbd", "xvda"), 51712);
  assert.equal(parseDeviceNumber("vbd", "51712"), 51712);
  assert.equal(parseDeviceNumber("vif", "2"), 2);
  assert.throws(() => parseDeviceNumber("vbd", "foo"), refused("bad-request", /names no vbd/));
  assert.throws(() => parseDeviceNumber("vif", "-1"), refused("bad-request", /names no vif/));
});
