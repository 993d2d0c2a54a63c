import assert from "node:assert/strict";
import { type Disk, formatDisk, isVdev, parseDisk, SpecificationError } from "./disk.ts";
import { formatVif, parseRate, parseVif } from "./vif.ts";

const disk = (target: string, vdev: string, rest: Partial<Disk> = {}): Disk => ({
  target,
  format: "raw",
  vdev,
  access: "rw",
  devtype: "disk",
  ...rest,
});

Deno.test("disks by position, by name, and by both", () => {
  const cases: [string, Disk][] = [
    ["/dev/vg/a,,hda", disk("/dev/vg/a", "hda")],
    ["/dev/vg/a,raw,hda,rw", disk("/dev/vg/a", "hda")],
    ["format=raw, vdev=hda, access=rw, target=/dev/vg/a", disk("/dev/vg/a", "hda")],
    ["/dev/vg/a,raw,xvda,w", disk("/dev/vg/a", "xvda")],
    ["/img,qcow2,xvdb,ro", disk("/img", "xvdb", { format: "qcow2", access: "ro" })],
    ["vdev=xvda,format=vhd,/img", disk("/img", "xvda", { format: "vhd" })],
    ["/i.iso,,hdc,cdrom", disk("/i.iso", "hdc", { devtype: "cdrom", access: "ro" })],
    ["/i.iso,raw,hdc,devtype=cdrom", disk("/i.iso", "hdc", { devtype: "cdrom", access: "ro" })],
    [",hdc:cdrom,r", disk("", "hdc", { devtype: "cdrom", access: "ro", format: "empty" })],
    ["vdev=hdc,cdrom", disk("", "hdc", { devtype: "cdrom", access: "ro", format: "empty" })],
    ["vdev=xvda,target=a,b:c, d", disk("a,b:c, d", "xvda")],
    [
      "/a,,xvda,backend=storage,backendtype=qdisk,no-discard",
      disk("/a", "xvda", { backend: "storage", backendtype: "qdisk", discard: false }),
    ],
    [
      "/a,,xvda,script=block-drbd,direct-io-safe",
      disk("/a", "xvda", { script: "block-drbd", direct_io_safe: true }),
    ],
  ];
  for (const [spec, expected] of cases) {
    assert.deepEqual(parseDisk(spec), expected, spec);
    assert.deepEqual(parseDisk(formatDisk(expected)), expected, spec);
  }
});

Deno.test("disks as they were written of old", () => {
  const cases: [string, Disk][] = [
    ["phy:sda7,sda1,w", disk("sda7", "sda1")],
    ["file:/i.img,ioemu:hda,w", disk("/i.img", "hda")],
    ["tap:aio:/i.img,xvda,r", disk("/i.img", "xvda", { access: "ro" })],
    ["tap:qcow2:/i.img,xvda,w", disk("/i.img", "xvda", { format: "qcow2" })],
    ["tap2:tapdisk:vhd:/i,xvda,w", disk("/i", "xvda", { format: "vhd" })],
    ["nbd:host 1024,xvda,w", disk("host 1024", "xvda", { script: "block-nbd" })],
    ["file:/i.iso,hdc:cdrom,r", disk("/i.iso", "hdc", { devtype: "cdrom", access: "ro" })],
    ["phy:/dev/x,0x301,w", disk("/dev/x", "0x301")],
  ];
  for (const [spec, expected] of cases) assert.deepEqual(parseDisk(spec), expected, spec);
});

Deno.test("what is no disk says why", () => {
  const cases: [string, RegExp][] = [
    ["", /no vdev/],
    ["/a", /no vdev/],
    ["vdev=xvda", /no target/],
    ["/a,zip,xvda", /unknown format "zip"/],
    ["/a,raw,xvda,x", /unknown access "x"/],
    ["/a,raw,xvda,w,w", /too many parameters/],
    ["/a,raw,xvda,format=qcow2", /format is given twice/],
    ["/a,,xvda,vdev=xvdb", /vdev is given twice/],
    ["/a,,xvda,devtype=tape", /devtype is disk or cdrom/],
    ["/a,,xvda,colour=red", /unknown parameter "colour"/],
    ["ftp:/a,xvda,w", /unknown prefix "ftp:"/],
    ["/a,,xvda,backendtype=x", /unknown backendtype/],
    ["file:/a,hdc:tape,r", /unknown device type "tape"/],
  ];
  for (const [spec, why] of cases) {
    assert.throws(
      () => parseDisk(spec),
      (error) => error instanceof SpecificationError && why.test(error.message),
      spec,
    );
  }
  assert.deepEqual(
    ["xvda", "hdc1", "sdaa", "d5p2", "0x301", "51712", "/dev/sda", "xvd", "foo"].filter(isVdev),
    [
      "xvda",
      "hdc1",
      "sdaa",
      "d5p2",
      "0x301",
      "51712",
    ],
  );
});

Deno.test("network interfaces", () => {
  const rate = { rate: "10Mb/s@20ms", rate_bytes_per_interval: 25000, rate_interval_usecs: 20000 };
  const cases: [string, Record<string, unknown>][] = [
    ["", { devid: 1 }],
    ["mac=00:16:3E:1:2:ff, bridge=xenbr0", { devid: 1, mac: "00:16:3e:01:02:ff", bridge: "xenbr0" }],
    ["type=ioemu,model=e1000,script=vif-nat,ip=10.0.0.2 10.0.0.3", {
      devid: 1,
      type: "ioemu",
      model: "e1000",
      script: "vif-nat",
      ip: "10.0.0.2 10.0.0.3",
    }],
    ["rate=10Mb/s@20ms,devid=7,mtu=9000", { devid: 7, mtu: 9000, ...rate }],
    ["netdev=eth0,vifname=v0,backend=net,vlan=10p/20,untrusted", {
      devid: 1,
      gatewaydev: "eth0",
      vifname: "v0",
      backend: "net",
      vlan: "10p/20",
      trusted: false,
    }],
    ["accel=x,policy=y,forwarddev=eth1", { devid: 1, colo: { forwarddev: "eth1" } }],
  ];
  for (const [spec, expected] of cases) {
    const vif = parseVif(spec, 1);
    assert.deepEqual(vif, expected, spec);
    assert.deepEqual(parseVif(formatVif(vif, 1), 1), vif, spec);
  }
  for (
    const spec of [
      "mac=1:2:3",
      "mac=00:16:3e:00:00:1ff",
      "type=x",
      "colour=red",
      "bridge",
      " ",
      "rate=fast",
      "mtu=big",
    ]
  ) {
    assert.throws(() => parseVif(spec, 0), SpecificationError, spec);
  }
});

Deno.test("rates are bytes for each interval", () => {
  const cases: [string, number, number][] = [
    ["1MB/s@20ms", 20000, 20000],
    ["250KB/s", 12500, 50000],
    ["8b/s@1s", 1, 1000000],
    ["1GB/s@10us", 10000, 10],
    ["010B/s@1", 8, 1000000],
  ];
  for (const [text, bytes, usecs] of cases) assert.deepEqual(parseRate(text), { bytes, usecs }, text);
  for (const text of ["", "1", "1MB", "0B/s", "1MB/s@", "1MB/s@0ms", "99999999999B/s", "1TB/s", "08B/s"]) {
    assert.throws(() => parseRate(text), SpecificationError, text);
  }
});
