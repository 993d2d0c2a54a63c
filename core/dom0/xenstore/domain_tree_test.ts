import assert from "node:assert/strict";
import type { DeviceDescription } from "./devices.ts";
import { virtualDeviceNumber } from "./devices.ts";
import { walk } from "./node.ts";
import { formatPermissions } from "./permissions.ts";
import { toText } from "./protocol.ts";
import { XenStoreService } from "./service.ts";
import { description, RingGuest } from "./testing.ts";

const DEVICES: readonly DeviceDescription[] = [
  { kind: "vif", devid: 0, mac: "00:16:3e:11:22:33" },
  { kind: "vbd", vdev: "xvda", target: "/dev/loop0", type: "phy" },
];

/**
 * What a Xen 4.17 host has in its store for a PV domain 1 of two vCPUs with a disk and a network device that `xl create -p` made,
 * apart from what Linux's backends and hotplug scripts write: names below a path with permissions, in its order. `*`: the path itself.
 */
const XEN = `
/ n0: tool local vm libxl
/tool n0: xenstored
/local n0: domain pool
/local/pool n0: 0
/local/pool/0 n0: name
/local/domain n0: 0 1
/local/domain/0 n0: control domid name backend
/local/domain/0/control n0: feature-poweroff feature-reboot feature-suspend
/local/domain/0/backend n0: vbd console vif
/local/domain/0/backend/vbd n0: 1
/local/domain/0/backend/vbd/1 n0: 51712
/local/domain/0/backend/vbd/1/51712 n0,r1: frontend params script frontend-id online removable bootable state dev type mode device-type discard-enable specification
/local/domain/0/backend/console n0: 1
/local/domain/0/backend/console/1 n0: 0
/local/domain/0/backend/console/1/0 n0,r1: frontend frontend-id online state protocol
/local/domain/0/backend/vif n0: 1
/local/domain/0/backend/vif/1 n0: 0
/local/domain/0/backend/vif/1/0 n0,r1: frontend frontend-id online state script mac bridge handle type hotplug-status
/local/domain/1 n0,r1: vm name cpu memory device control data/n1 drivers/n1 feature/n1 attr/n1 error/n1 domid store console
/local/domain/1/cpu n0,r1: 0 1
/local/domain/1/cpu/0 n0,r1: availability
/local/domain/1/cpu/1 n0,r1: availability
/local/domain/1/memory n0,r1: static-max target videoram
/local/domain/1/device n0,r1: suspend vbd vif
/local/domain/1/device/suspend n0,r1: event-channel/n1
/local/domain/1/device/vbd n0,r1: 51712
/local/domain/1/device/vbd/51712 n1,r0: backend backend-id state virtual-device device-type trusted protocol
/local/domain/1/device/vif n0,r1: 0
/local/domain/1/device/vif/0 n1,r0: backend backend-id state handle mac trusted mtu/n0,r1
/local/domain/1/control n0,r1: shutdown/n1 feature-poweroff/n1 feature-reboot/n1 feature-suspend/n1 sysrq/n1 platform-feature-multiprocessor-suspend platform-feature-xs_reset_watches
/local/domain/1/store n0,r1: port ring-ref
/local/domain/1/console n0,r1: backend backend-id/n1,r0 limit type output tty port ring-ref
/vm n0: UUID
/vm/UUID n0,r1: name uuid image start_time
/vm/UUID/image n0,r1: ostype kernel ramdisk cmdline
/libxl n0: 1
/libxl/1 n0: device type dm-version
/libxl/1/device n0: vbd console vif
/libxl/1/device/vbd n0: 51712
/libxl/1/device/vbd/51712 n0: frontend backend params script frontend-id online removable bootable state dev type mode device-type discard-enable specification
/libxl/1/device/console n0: 0
/libxl/1/device/console/0 n0: frontend backend frontend-id online state protocol
/libxl/1/device/vif n0: 0
/libxl/1/device/vif/0 n0: frontend backend frontend-id online state script mac bridge handle type hotplug-status
`;

/** The store in the form of `XEN`: names with other permissions than their directory have them behind a slash; directories have their own line. */
function form(service: XenStoreService, uuid: string): string {
  const lines: string[] = [];
  walk(service.store.root, "/", (node, path) => {
    if (node.children.size === 0) return;
    const own = formatPermissions(node.permissions).join(",");
    const names = node.children.entries().map(({ name, value }) => {
      const theirs = formatPermissions(value.permissions).join(",");
      return theirs === own || value.children.size > 0 ? name : `${name}/${theirs}`;
    });
    lines.push(`${path} ${own}: ${names.join(" ")}`.replaceAll(uuid, "UUID"));
  });
  return lines.join("\n");
}

const sorted = (text: string) => text.trim().split("\n").sort();

Deno.test("a domain's tree has the paths, order and permissions that xl makes on a Xen host", () => {
  const service = new XenStoreService();
  const domain = description(1, { devices: DEVICES });
  service.introduce(domain, new RingGuest().page, () => {});
  assert.deepEqual(sorted(form(service, domain.uuid)), sorted(XEN));
  const values: Record<string, string> = {
    "/local/domain/0/name": "Domain-0",
    "/local/pool/0/name": "Pool-0",
    "/local/domain/1/vm": `/vm/${domain.uuid}`,
    "/local/domain/1/cpu/1/availability": "online",
    "/local/domain/1/memory/target": "262144",
    "/local/domain/1/device/vbd/51712/backend": "/local/domain/0/backend/vbd/1/51712",
    "/local/domain/1/device/vbd/51712/state": "1",
    "/local/domain/0/backend/vbd/1/51712/state": "1",
    "/local/domain/0/backend/vif/1/0/hotplug-status": "",
    "/local/domain/1/console/tty": "/dev/pts/0",
    "/local/domain/1/store/ring-ref": "739841",
    "/libxl/1/device/vbd/51712/backend": "/local/domain/0/backend/vbd/1/51712",
    "/libxl/1/type": "pv",
  };
  for (const [path, value] of Object.entries(values)) assert.equal(service.read(path), value, path);
});

Deno.test("a released domain leaves nothing, and what names it in others' permissions goes too", () => {
  const service = new XenStoreService();
  const listing = () => {
    const found: string[] = [];
    walk(service.store.root, "/", (node, path) => {
      found.push(`${path} ${toText(node.value)} ${formatPermissions(node.permissions)}`);
    });
    return found;
  };
  service.write("/tool/shared", "x");
  const before = listing();
  service.introduce(description(1, { devices: DEVICES }), new RingGuest().page, () => {});
  service.addDevice(1, { kind: "vbd", vdev: "xvdb", target: "/x", type: "qdisk", readOnly: true });
  assert.equal(service.read("/local/domain/0/backend/vbd/1/51728/mode"), "r");
  service.chmod("/tool/shared", ["n0", "r1", "b2"]);
  service.write("/tool/given/below", "y");
  service.chmod("/tool/given", ["n1"]);
  service.release(1);
  assert.deepEqual(service.permissions("/tool/shared"), ["n0", "b2"]);
  service.chmod("/tool/shared", ["n0"]);
  assert.deepEqual(listing(), before);
  assert.equal(service.store.owned(1), 0);
});

Deno.test("PVH and HVM domains differ from PV ones as on a Xen host", () => {
  const service = new XenStoreService();
  service.introduce(
    description(1, { type: "pvh", devices: DEVICES, onlineVcpus: 1 }),
    new RingGuest().page,
    () => {},
  );
  assert.equal(service.exists(`/vm/${description(1).uuid}/image`), false);
  assert.equal(service.exists("/local/domain/1/device/vbd/51712/protocol"), false);
  assert.equal(service.read("/local/domain/1/cpu/1/availability"), "offline");
  service.introduce(description(2, { type: "hvm" }), new RingGuest().page, () => {});
  assert.deepEqual(service.list(`/vm/${description(2).uuid}`), [
    "name",
    "uuid",
    "rtc",
    "image",
    "start_time",
  ]);
  assert.ok(service.exists("/local/domain/2/control/feature-s3"));
  assert.equal(service.read("/libxl/2/type"), "hvm");
});

Deno.test("xm's clients find xend's parameters below /vm where they are wanted", () => {
  const service = new XenStoreService();
  const xend = { onPoweroff: "destroy", onReboot: "restart", onCrash: "preserve" };
  service.introduce(description(1, { xend, onlineVcpus: 1 }), new RingGuest().page, () => {});
  const vm = service.read("/local/domain/1/vm");
  const values = ["vcpus", "vcpu_avail", "memory", "maxmem", "on_reboot", "on_crash"];
  assert.deepEqual(values.map((name) => service.read(`${vm}/${name}`)), [
    "2",
    "1",
    "256",
    "256",
    "restart",
    "preserve",
  ]);
  assert.deepEqual(service.permissions(`${vm}/on_crash`), ["n0", "r1"]);
});

Deno.test("a device of another backend domain belongs to that domain", () => {
  const service = new XenStoreService();
  service.introduce(description(1), new RingGuest().page, () => {});
  const vif = { kind: "vif", devid: 3, mac: "00:16:3e:00:00:01", backendDomid: 1, mtu: 9000 } as const;
  service.introduce(description(2, { devices: [vif] }), new RingGuest().page, () => {});
  assert.deepEqual(service.permissions("/local/domain/1/backend/vif/2/3"), ["n1", "r2"]);
  assert.deepEqual(service.permissions("/local/domain/2/device/vif/3"), ["n2", "r1"]);
  assert.equal(service.read("/local/domain/2/device/vif/3/backend-id"), "1");
  assert.equal(service.read("/local/domain/2/device/vif/3/mtu"), "9000");
  service.release(2);
  assert.equal(service.exists("/local/domain/1/backend"), false);
});

Deno.test("disk names and their numbers", () => {
  const numbers: [string, number][] = [
    ["xvda", 51712],
    ["xvda1", 51713],
    ["xvdp15", 51967],
    ["xvdq", 268439552],
    ["xvdaa", 268442112],
    ["xvda16", 268435472],
    ["hda", 768],
    ["hdb3", 835],
    ["hdc", 5632],
    ["hdd", 5696],
    ["sda", 2048],
    ["sdp15", 2303],
    ["d0p0", 51712],
    ["d16p1", 268439553],
    ["51712", 51712],
    ["0xca00", 51712],
  ];
  for (const [name, number] of numbers) assert.equal(virtualDeviceNumber(name), number, name);
  for (
    const bad of ["", "xvd", "hde", "hda64", "sdq", "sda16", "xvda256", "vda", "xvdA", "d1", "99999999999"]
  ) {
    assert.throws(() => virtualDeviceNumber(bad), RangeError, bad);
  }
});
