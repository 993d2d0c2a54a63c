import assert from "node:assert/strict";
import { join } from "node:path";
import { parseDisk, parseVif } from "../config/mod.ts";
import { describeDevice, deviceDescriptions, diskDescription, vifDescription } from "./device_source.ts";
import { XendError } from "./errors.ts";

const refused = (words: RegExp) => (error: unknown) => {
  assert(error instanceof XendError, String(error));
  assert.equal(error.code, "bad-config");
  assert.match(error.message, words);
  return true;
};

/** Without what is not set. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

Deno.test("disks: relative targets begin at the configuration, phy:vg/guest at /dev, modes and drives as libxl has them", () => {
  const disk = (spec: string, directory = "/guests") => plain(diskDescription(parseDisk(spec), directory));
  const about = { kind: "vbd", vdev: "xvda", type: "phy", readOnly: false, removable: false, cdrom: false };
  assert.deepEqual(disk("a.img,raw,xvda,rw"), { ...about, target: "/guests/a.img" });
  assert.deepEqual(disk("/a.img,raw,xvda,ro"), { ...about, target: "/a.img", readOnly: true });
  assert.deepEqual(disk("vdev=xvda,cdrom,target=../a.iso"), {
    ...about,
    target: "/a.iso",
    readOnly: true,
    removable: true,
    cdrom: true,
  });
  assert.deepEqual(disk("backendtype=qdisk,no-discard,untrusted,script=block,vdev=xvda,target=/a"), {
    ...about,
    target: "/a",
    type: "qdisk",
    discard: false,
    trusted: false,
  });
  assert.equal(disk("phy:null,xvda,w").target, "/dev/null");
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(join(directory, "null"), "");
    assert.equal(disk("phy:null,xvda,w", directory).target, join(directory, "null"));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("interfaces: an address is made up where there is none, the rate is what backends read", () => {
  const made = vifDescription(parseVif("", 3));
  assert.match(made.mac, /^00:16:3e:[0-7][0-9a-f](?::[0-9a-f]{2}){2}$/);
  assert.notEqual(made.mac, vifDescription(parseVif("", 3)).mac);
  assert.deepEqual(plain({ ...made, mac: "" }), { kind: "vif", devid: 3, mac: "" });
  const spec =
    "mac=0:16:3E:0:0:1,bridge=lan,rate=10Mb/s@20ms,script=vif-route,mtu=9000,ip=10.0.0.1,type=ioemu," +
    "vifname=v1,netdev=eth0,untrusted";
  assert.deepEqual(plain(vifDescription(parseVif(spec, 0))), {
    kind: "vif",
    devid: 0,
    mac: "00:16:3e:00:00:01",
    bridge: "lan",
    script: "/etc/xen/scripts/vif-route",
    vifname: "v1",
    ip: "10.0.0.1",
    gatewaydev: "eth0",
    rate: "25000,20000",
    mtu: 9000,
    trusted: false,
  });
});

Deno.test("what is not served is refused, with what to do", () => {
  const cases: Readonly<Record<string, RegExp>> = {
    "/a,qcow2,xvda":
      /^disk: xvda: format=qcow2: only raw images are served yet; qemu-img convert -O raw makes one$/,
    "/a,vhd,xvda": /only raw/,
    "backend=driver,vdev=xvda,target=/a": /backend=driver: only Domain-0 serves devices/,
    "drbd:x,xvda,w": /script=block-drbd/,
    "/a,raw,foo": /^disk: foo names no disk/,
    "vdev=hdc,cdrom": /empty drive/,
    "/a,raw": /no vdev is given/,
    "": /no vdev/,
    "/a,raw,xvda,x": /unknown access "x"/,
    "colour=red": /unknown parameter "colour"/,
  };
  for (const [spec, words] of Object.entries(cases)) {
    assert.throws(() => describeDevice("vbd", spec, "/", 0), refused(words), spec);
  }
  assert.throws(() => describeDevice("vif", "mac=zz", "/", 0), refused(/^vif: mac=zz is no MAC address/));
  assert.throws(() => describeDevice("vif", "backend=2", "/", 0), refused(/^vif: backend=2: only Domain-0/));
  assert.throws(() => describeDevice("vif", "devid=70000", "/", 0), refused(/at most 65535/));
  const all = (disks: string[], vifs: string[]) =>
    deviceDescriptions({ disks: disks.map(parseDisk), vifs: vifs.map(parseVif) }, "/");
  assert.throws(() => all(["/a,raw,xvda", "/b,raw,0xca00"], []), refused(/0xca00 is there twice/));
  assert.throws(() => all([], ["", "devid=0"]), refused(/devid=0 is there twice/));
  assert.deepEqual(all(["/a,raw,xvda", "/b,raw,hda"], ["", ""]).map(({ kind }) => kind), [
    "vbd",
    "vbd",
    "vif",
    "vif",
  ]);
});
