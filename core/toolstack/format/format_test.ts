/** Each format against the bytes of a real Xen 4.17 (its transcript's lines stand here), and of xm 3.4's formats. */
import assert from "node:assert/strict";
import type { DomainDetail } from "../api/types.ts";
import {
  XL_BLOCK_HEADER,
  XL_NETWORK_HEADER,
  xlBlockRows,
  xlNetworkRows,
  XM_BLOCK_HEADER,
  XM_NETWORK_HEADER,
  xmBlockRows,
} from "./devices.ts";
import { parseDisk } from "../config/devices/disk.ts";
import { parseVif } from "../config/devices/vif.ts";
import { longJson, longSxp } from "./domain_config.ts";
import { xlList, xmList } from "./domain_list.ts";
import { nodeText } from "./node_info.ts";
import { cpupoolCpus, cpupoolTable, creditTable, POOL_LINE } from "./scheduler.ts";
import { DOM0, GUEST, MANAGED, NO_STATE, NODE } from "./testing.ts";
import { cpuList, ranges } from "./text.ts";
import { vdevName } from "./vdev.ts";
import { duration, uptimeLines, uptimeTable } from "./uptime.ts";
import { xlVcpuList, xmVcpuList } from "./vcpu_list.ts";

const BOTH = [DOM0, GUEST];
const lines = (...rows: string[]) => rows.map((row) => `${row}\n`).join("");
const devices = (kind: string) => GUEST.devices.filter((device) => device.kind === kind);

Deno.test("xl list, with each of its further columns", () => {
  const header = "Name                                        ID   Mem VCPUs\tState\tTime(s)";
  const dom0 = "Domain-0                                     0  1024     1     r-----       9.8";
  const guest = "lin-cloud-pv                                 1   256     1     --p---       0.0";
  assert.equal(xlList(BOTH), lines(header, dom0, guest));
  assert.equal(
    xlList(BOTH, { verbose: true }),
    lines(
      `${header}   UUID                            Reason-Code\tSecurity Label`,
      `${dom0} 00000000-0000-0000-0000-000000000000        -                -`,
      `${guest} 22f89fe5-8fad-4a7d-9ec1-2b026f158131        -                -`,
    ),
  );
  assert.equal(xlList(BOTH, { numa: true }), lines(`${header} NODE Affinity`, `${dom0} all`, `${guest} all`));
  assert.equal(
    xlList(BOTH, { cpupool: true }),
    lines(`${header}         Cpupool`, `${dom0}          Pool-0`, `${guest}          Pool-0`),
  );
  assert.equal(xlList(BOTH, { label: true }).split("\n")[0], `${header}   Security Label`);
  // A managed domain that does not run is nothing that xl knows.
  assert.equal(xlList([MANAGED]), lines(header));
});

Deno.test("xl's letters for how a domain ended", () => {
  const ended = (reason: DomainDetail["shutdownReason"], crashed = false) =>
    xlList([{ ...GUEST, state: { ...NO_STATE, shutdown: true, crashed }, shutdownReason: reason }], {
      verbose: true,
    })
      .split("\n")[1].slice(59);
  assert.match(ended("poweroff"), /^ {4}---s-- .* {8}0 {16}-$/);
  assert.match(ended("reboot"), /^ {4}---sr- .* {8}1 {16}-$/);
  assert.match(ended("suspend"), /^ {4}---ss- /);
  assert.match(ended("crash", true), /^ {4}---sc- .* {8}3 {16}-$/);
  assert.match(ended("watchdog", true), /^ {4}---sw- /);
});

Deno.test("xm list: six fields a running domain, as Ganeti splits it; managed ones without ID and state", () => {
  const text = xmList([...BOTH, MANAGED]);
  assert.equal(
    text,
    lines(
      "Name                                        ID   Mem VCPUs      State   Time(s)",
      "Domain-0                                     0  1024     1     r-----      9.8",
      "lin-cloud-pv                                 1   256     1     --p---      0.0",
      "later                                            256     1                 0.0",
    ),
  );
  for (const row of text.split("\n").slice(1, 3)) assert.equal(row.split(/\s+/).length, 6);
  assert.match(xmList(BOTH, { label: true }), /Time\(s\) Label {5}\n.* 9\.8 INACTIVE {2}\n/);
});

Deno.test("names that are longer than their column push the rest along", () => {
  const name = "a-name-of-more-than-forty-characters-is-not-cut";
  assert.ok(xlList([{ ...GUEST, name }]).includes(`${name}     1   256     1     --p---       0.0\n`));
});

Deno.test("list -l is libxl's JSON, byte by byte", () => {
  assert.equal(
    longJson([GUEST]),
    `[
    {
        "domid": 1,
        "config": {
            "c_info": {
                "type": "pv",
                "name": "lin-cloud-pv",
                "domid": 4294967295,
                "uuid": "22f89fe5-8fad-4a7d-9ec1-2b026f158131",
                "run_hotplug_scripts": "True"
            },
            "b_info": {
                "max_vcpus": 2,
                "avail_vcpus": [
                    0
                ],
                "max_memkb": 262144,
                "target_memkb": 262144,
                "video_memkb": 0,
                "sched_params": {
                    "sched": "credit",
                    "weight": 256,
                    "cap": 0
                },
                "claim_mode": "True",
                "kernel": "/g/vmlinuz-cloud",
                "cmdline": "console=hvc0 earlyprintk=xen",
                "ramdisk": "/g/initrd.gz",
                "type.pv": {

                },
                "arch_arm": {

                },
                "arch_x86": {
                    "msr_relaxed": "False"
                }
            },
            "disks": [
                {
                    "pdev_path": "/dev/loop0",
                    "vdev": "xvda",
                    "format": "raw",
                    "readwrite": 1,
                    "colo_restore_enable": "False"
                }
            ],
            "nics": [
                {
                    "devid": 0,
                    "mac": "00:16:3e:11:22:33",
                    "script": "/etc/xen/scripts/vif-k",
                    "nictype": "vif"
                }
            ],
            "on_soft_reset": "soft_reset"
        }
    }
]

`,
  );
  // xendomains looks for these.
  const found = longJson(BOTH).split("\n").filter((line) => /^(?: {4}\{| {8}"domid":|.*"name":)/.test(line));
  assert.equal(found.length, 6);
  assert.match(
    longSxp([GUEST]),
    /^\(domain\n {4}\(domid 1\)\n[\s\S]*\n {4}\(name lin-cloud-pv\)\n[\s\S]*\n\)\n$/,
  );
});

/** Of one domain with these keys; the other devices of GUEST's are not there. */
function longConfig(config: Readonly<Record<string, unknown>>, devices: DomainDetail["devices"] = []) {
  const [{ config: shown }] = JSON.parse(longJson([{ ...GUEST, config, devices }]));
  return shown;
}

Deno.test("list -l has what the configuration says of each disk and interface, and what was attached beside it", () => {
  const disk = [
    parseDisk(
      "format=qcow2,vdev=xvdb,access=ro,backendtype=qdisk,discard,direct-io-safe,target=/img/b.qcow2",
    ),
    parseDisk(",hdc:cdrom,r"),
    parseDisk("vdev=xvdd,backend=store,script=block-nbd,untrusted,target=x"),
  ];
  const vif = [
    parseVif("mac=00:16:3e:11:22:33,bridge=xenbr0,rate=10Mb/s,vifname=web,ip=10.0.0.2,mtu=9000", 0),
    parseVif("type=ioemu,model=e1000,backend=net,gatewaydev=eth0", 1),
  ];
  const config = longConfig({ disk, vif, on_reboot: "rename-restart", on_crash: "coredump-destroy" });
  assert.deepEqual(config.disks, [
    {
      pdev_path: "/img/b.qcow2",
      vdev: "xvdb",
      backend: "qdisk",
      format: "qcow2",
      direct_io_safe: true,
      discard_enable: "True",
      colo_restore_enable: "False",
    },
    { vdev: "hdc", format: "empty", removable: 1, is_cdrom: 1, colo_restore_enable: "False" },
    {
      backend_domname: "store",
      pdev_path: "x",
      vdev: "xvdd",
      format: "raw",
      script: "block-nbd",
      readwrite: 1,
      colo_restore_enable: "False",
      trusted: "False",
    },
  ]);
  assert.deepEqual(config.nics, [
    {
      devid: 0,
      mtu: 9000,
      mac: "00:16:3e:11:22:33",
      ip: "10.0.0.2",
      bridge: "xenbr0",
      ifname: "web",
      nictype: "vif",
      rate_bytes_per_interval: 62500,
      rate_interval_usecs: 50000,
    },
    { backend_domname: "net", devid: 1, model: "e1000", nictype: "vif_ioemu", gatewaydev: "eth0" },
  ]);
  assert.deepEqual([config.on_reboot, config.on_crash, config.on_poweroff], [
    "restart_rename",
    "coredump_destroy",
    undefined,
  ]);
  const attached = longConfig({ disk: [disk[0]], vif: [{ devid: 0 }] }, [
    ...GUEST.devices,
    { ...GUEST.devices[1], devid: 3 },
  ]);
  assert.deepEqual(attached.disks.map(({ vdev }: { vdev: string }) => vdev), ["xvdb", "xvda"]);
  assert.deepEqual(attached.nics.map(({ devid, mac }: { devid: number; mac: string }) => [devid, mac]), [
    [0, "00:16:3e:11:22:33"],
    [3, "00:16:3e:11:22:33"],
  ]);
  // What a configuration holds comes over the API, from any xend.
  assert.deepEqual(longConfig({ disk: [null, 7, { vdev: 3 }], vif: "x" }).disks, [
    { colo_restore_enable: "False" },
  ]);
});

Deno.test("xm's list --long has each device with its fields", () => {
  const config = {
    disk: [parseDisk("phy:/dev/vg/a,xvda,w"), parseDisk("format=qcow2,vdev=xvdb,access=ro,target=/img/b c")],
    vif: [parseVif("mac=00:16:3e:11:22:33,bridge=xenbr0", 0)],
  };
  const text = longSxp([{ ...GUEST, config, devices: [] }]);
  assert.ok(
    text.includes(
      `    (device
        (vbd
            (uname phy:/dev/vg/a)
            (dev xvda:disk)
            (mode w)
            (backend 0)
        )
    )
    (device
        (vbd
            (uname 'tap:qcow2:/img/b c')
            (dev xvdb:disk)
            (mode r)
            (backend 0)
        )
    )
    (device
        (vif
            (mac 00:16:3e:11:22:33)
            (bridge xenbr0)
            (backend 0)
        )
    )
`,
    ),
    text,
  );
});

Deno.test("device numbers as names", () => {
  const cases = {
    51712: "xvda",
    51714: "xvda2",
    51728: "xvdb",
    768: "hda",
    5696: "hdd",
    2048: "sda",
    268439809: "xvdr1",
  };
  for (const [number, name] of Object.entries(cases)) assert.equal(vdevName(Number(number)), name);
});

Deno.test("vcpu-list", () => {
  assert.equal(
    xlVcpuList(BOTH, 1),
    lines(
      "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)",
      "Domain-0                             0     0    0   r--      10.0  all / all",
      "lin-cloud-pv                         1     0    0   ---       0.0  all / all",
      "lin-cloud-pv                         1     1    -   --p       0.0  all / all",
    ),
  );
  const pinned = {
    ...DOM0,
    vcpuList: [{ ...DOM0.vcpuList[0], state: "blocked" as const, hardAffinity: [0, 1, 2, 5] }],
  };
  assert.match(xlVcpuList([pinned], 8), / {4}0 {3}-b- {6}10\.0 {2}0-2,5 \/ 0\n/);
  assert.equal(
    xmVcpuList([pinned, GUEST], 8),
    lines(
      "Name                                ID  VCPU   CPU State   Time(s) CPU Affinity",
      "Domain-0                             0     0     0   -b-      10.0 0-2,5",
      "lin-cloud-pv                         1     0     0   ---       0.0 0",
      "lin-cloud-pv                         1     1     -   --p       0.0 0",
    ),
  );
  assert.match(xmVcpuList([DOM0], 1), / any cpu\n$/);
});

Deno.test("block-list and network-list", () => {
  assert.equal(
    `${XL_BLOCK_HEADER}\n${xlBlockRows(devices("vbd"))}`,
    lines(
      "Vdev  BE  handle state evt-ch ring-ref BE-path                       ",
      "51712 0   1      1     -1     -1       /local/domain/0/backend/vbd/1/51712",
    ),
  );
  assert.equal(
    `${XL_NETWORK_HEADER}\n${xlNetworkRows(devices("vif"))}`,
    lines(
      "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       ",
      "0   0  00:16:3e:11:22:33     0     1     -1    -1/-1          /local/domain/0/backend/vif/1/0",
    ),
  );
  assert.equal(XM_BLOCK_HEADER, "Vdev  BE handle state evt-ch ring-ref BE-path");
  assert.equal(XM_NETWORK_HEADER, "Idx BE     MAC Addr.     handle state evt-ch tx-/rx-ring-ref BE-path");
  assert.match(xmBlockRows(devices("vbd")), /^51712 {2}0 0 {6}1 {5}-1 {5}-1 {7}\/local/);
});

Deno.test("uptime", () => {
  const rows = [{ name: "Domain-0", domid: 0, seconds: 10.9 }, {
    name: "lin-cloud-pv",
    domid: 1,
    seconds: 4,
  }];
  assert.equal(
    uptimeTable(rows, "xl"),
    lines(
      "Name                                ID Uptime",
      "Domain-0                             0  0:00:10",
      "lin-cloud-pv                         1  0:00:04",
    ),
  );
  assert.equal(uptimeTable([], "xm"), "Name                                ID Uptime \n");
  assert.equal(duration(36_000 + 62), "10:01:02");
  assert.equal(duration(86_400 + 5), "1 day,  0:00:05");
  assert.equal(duration(3 * 86_400 + 3_600, true), "3 days,  1:00");
  assert.match(uptimeLines(rows, 0), /^ \d\d:\d\d:\d\d up {2}0:00, Domain-0 \(0\)\n/);
});

Deno.test("sched-credit and cpupool-list", () => {
  assert.equal(
    POOL_LINE + creditTable([{ name: "Domain-0", domid: 0, scheduler: DOM0.scheduler }, {
      name: "lin-cloud-pv",
      domid: 1,
      scheduler: { weight: 512, cap: 50 },
    }]),
    lines(
      "Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us",
      "Name                                ID Weight  Cap",
      "Domain-0                             0    256    0",
      "lin-cloud-pv                         1    512   50",
    ),
  );
  assert.equal(
    cpupoolTable(1, 2),
    lines(
      "Name               CPUs   Sched     Active   Domain count",
      "Pool-0               1    credit       y          2",
    ),
  );
  assert.equal(cpupoolCpus(1), lines("Name               CPU list", "Pool-0             0"));
  assert.equal(cpupoolCpus(3), lines("Name               CPU list", "Pool-0             0,1,2"));
});

Deno.test("info: xl's keys in xl's order", () => {
  const text = nodeText(NODE, true, "xl");
  const before = `host                   : (none)
release                : 6.1.0-56-amd64
version                : #1 SMP
machine                : x86_64
nr_cpus                : 1
max_cpu_id             : 0
nr_nodes               : 1
cores_per_socket       : 1
threads_per_core       : 1
cpu_mhz                : 2596.124
hw_caps                : 0fcbf3fd:f6f8320b:ec500800:00000177:00000005:219c43a9:0040020c:00000000
`;
  assert.ok(text.startsWith(before), text);
  const numa = `total_memory           : 3071
free_memory            : 1754
sharing_freed_memory   : 0
sharing_used_memory    : 0
outstanding_claims     : 0
free_cpus              : 0
cpu_topology           :
cpu:    core    socket     node
  0:       0        0        0
device topology        :
device           node
No device topology data available
numa_info              :
node:    memsize    memfree    distances
   0:      3071       1754      10
xen_major              : 4
xen_minor              : 17
xen_extra              : .5
xen_version            : 4.17.5
xen_caps               : xen-3.0-x86_64 
xen_scheduler          : credit
xen_pagesize           : 4096
platform_params        : virt_start=0xffff800000000000
xen_changeset          : 
`;
  assert.ok(text.includes(numa), text);
  assert.match(text, /\nxend_config_format {5}: 4\n$/);
  assert.ok(!nodeText(NODE, false, "xl").includes("topology"));
});

Deno.test("lists of pCPUs", () => {
  assert.equal(ranges([3, 1, 2, 7, 7]), "1-3,7");
  assert.equal(ranges([0, 1]), "0-1");
  assert.equal(cpuList([0, 1], 2), "all");
  assert.equal(cpuList([1], 2), "1");
  assert.equal(cpuList([], 2), "none");
});
