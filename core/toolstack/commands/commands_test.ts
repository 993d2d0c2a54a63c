import assert from "node:assert/strict";
import { join } from "node:path";
import { XendFailure } from "../api/client.ts";
import type { ErrorCode, XendEvent } from "../api/types.ts";
import { OutputClosed } from "../console/terminal.ts";
import { completionsOf, type Source } from "./completion/complete.ts";
import { manualPage } from "./manual.ts";
import { parseEscape } from "./run/console.ts";
import { parseCpus, parseMemory } from "./run/resources.ts";
import { COMMANDS } from "./table/mod.ts";
import { command } from "./testing.ts";
import { whyUnsupported } from "./unsupported.ts";

Deno.test("what commands ask of xend", async () => {
  const cases: Readonly<Record<string, string>> = {
    "pause lin-cloud-pv": "pause lin-cloud-pv",
    "unpause 1": "unpause 1",
    "destroy -f 1": "destroy 1",
    "reset lin-cloud-pv": "reset lin-cloud-pv",
    "delete later": "delete later",
    "rename 1 web": 'rename 1 "web"',
    "sysrq 1 s": 'sysrq 1 "s"',
    "trigger 1 nmi 1": 'trigger 1 "nmi" 1',
    "mem-set 1 200": "setMemory 1 204800",
    "mem-set 1 200m": "setMemory 1 204800",
    "mem-set 1 1g": "setMemory 1 1048576",
    "mem-max 1 65536k": "setMaxMemory 1 65536",
    "vcpu-set 1 2": "setVcpus 1 2",
    "vcpu-pin 1 all 0": 'pin 1 "all" {"hard":[0]}',
    "vcpu-pin 1 1 - all": 'pin 1 1 {"soft":[0]}',
    "sched-credit -d 1 -w 512": 'setScheduler 1 {"weight":512}',
    "sched-credit -d 1 -c 50": 'setScheduler 1 {"cap":50}',
    "shutdown lin-cloud-pv": 'shutdown 1 {"wait":false,"reason":"poweroff"}',
    "shutdown -R -w 1 --timeout 5": 'shutdown 1 {"wait":true,"reason":"reboot","timeoutMs":5000}',
    "shutdown -a": 'shutdown 1 {"wait":false,"reason":"poweroff"}',
    "reboot -w 1": 'reboot 1 {"wait":true}',
    "dump-core -L 1 x.core": 'dumpCore 1 {"file":"/here/x.core","live":true,"crash":false}',
    "dump-core -C 1": 'dumpCore 1 {"live":false,"crash":true}',
  };
  for (const [line, wanted] of Object.entries(cases)) {
    const { code, asked, err } = await command(line);
    assert.deepEqual([code, asked, err], [0, [wanted], ""], line);
    const unknown = await command(line.replace(/\b(?:1|lin-cloud-pv|later)\b/, "nobody"));
    if (!line.includes("-a")) assert.match(unknown.err, /^Error: Domain 'nobody' does not exist\.\n/, line);
    assert.equal(unknown.code, line.includes("-a") ? 0 : 1);
  }
  assert.deepEqual((await command("dump-core -R 1 /c")).asked.map((each) => each.split(" ")[0]), [
    "dumpCore",
    "reset",
  ]);
});

const attaches = (kind: "vbd" | "vif", spec: string) =>
  `attachDevice 1 ${JSON.stringify({ kind, spec, directory: "/here" })}`;

Deno.test("devices: what is asked of xend in xl's and xm's ways, and what is printed", async () => {
  const cases: Readonly<Record<string, string>> = {
    "block-attach 1 a.img,raw,xvdb,rw": attaches("vbd", "a.img,raw,xvdb,rw"),
    "block-attach 1 vdev=xvdc cdrom target=a.iso": attaches("vbd", "vdev=xvdc,cdrom,target=a.iso"),
    "block-attach 1 a.img raw xvdb ro": attaches("vbd", "a.img,raw,xvdb,ro"),
    "block-attach 1 phy:/dev/x xvdb w": attaches("vbd", "phy:/dev/x,xvdb,w"),
    "block-attach 1 file:/x xvdb w! 0": attaches("vbd", "file:/x,xvdb,w,backend=0"),
    "block-attach 1 /x xvdb r": attaches("vbd", "/x,raw,xvdb,r"),
    "block-detach 1 xvdb": 'detachDevice 1 "vbd" 51728 false',
    "block-detach 1 51728 -f": 'detachDevice 1 "vbd" 51728 true',
    "block-detach --force 1 /dev/hda": 'detachDevice 1 "vbd" 768 true',
    "network-attach 1": attaches("vif", ""),
    "network-attach 1 bridge=lan mac=0:0:0:0:0:1": attaches("vif", "bridge=lan,mac=0:0:0:0:0:1"),
    "network-detach 1 0": 'detachDevice 1 "vif" 0 false',
    "network-detach 1 3 --force": 'detachDevice 1 "vif" 3 true',
    "network-detach 1 0:16:3E:11:22:33": 'detachDevice 1 "vif" 0 false',
  };
  for (const [line, wanted] of Object.entries(cases)) {
    for (const dialect of ["xenolith", "xm", "xl"] as const) {
      assert.deepEqual(await command(line, dialect), { code: 0, out: "", err: "", asked: [wanted] }, line);
    }
    const unknown = await command(line.replace(/ 1\b/, " nobody"));
    assert.deepEqual([unknown.code, unknown.asked], [1, []], line);
    assert.match(unknown.err, /^Error: Domain 'nobody' does not exist\.\n/, line);
  }
  assert.equal(JSON.parse((await command("network-attach 1 --json")).out).kind, "vif");
  assert.deepEqual(JSON.parse((await command("block-detach 1 xvda --json")).out).done, true);
  const disk = await command("-N block-attach 1 /x raw xvdb r", "xl");
  assert.deepEqual([disk.code, disk.asked], [0, []]);
  assert.equal(
    disk.out,
    'disk: {\n    "pdev_path": "/x",\n    "vdev": "xvdb",\n    "format": "raw"\n}\n',
  );
  assert.equal((await command("-N network-attach 1 bridge=b", "xl")).out, 'vif: {\n    "bridge": "b"\n}\n');
  assert.match((await command("-N block-attach 1 /x,raw")).err, /no vdev is given/);
});

Deno.test("devices: each dialect's words for what is not there, is busy or cannot be", async () => {
  const failing = (code: ErrorCode, message: string) => {
    const fail = () => Promise.reject(new XendFailure(code, message));
    return { attachDevice: fail, detachDevice: fail };
  };
  const missing = failing("no-such-device", "Device xvdb (51728, vbd) is not connected.");
  assert.equal(
    (await command("block-detach 1 xvdb", "xl", missing)).err,
    "Error: Device xvdb not connected.\n",
  );
  assert.equal((await command("network-detach 1 7", "xl", missing)).err, "Unknown device 7.\n");
  for (const [dialect, prefix] of [["xenolith", "xenolith"], ["xm", "Error"]] as const) {
    assert.deepEqual(await command("block-detach 1 xvdb", dialect, missing), {
      code: 1,
      out: "",
      err: `${prefix}: Device xvdb (51728, vbd) is not connected.\n`,
      asked: [],
    });
  }
  assert.equal(
    (await command("network-detach 1 0:0:0:0:0:9", "xl")).err,
    "Unknown device 0:0:0:0:0:9.\n",
  );
  const busy = failing("busy", "it does not let go of it");
  assert.deepEqual(
    (await command("block-detach 1 xvdb", "xl", busy)).err,
    "it does not let go of it\nlibxl_device_disk_safe_remove failed.\n",
  );
  const exists = failing("name-exists", "Device xvdb (51728, vbd) is already connected.");
  const xl = await command("block-attach 1 /x,raw,xvdb", "xl", exists);
  assert.deepEqual([xl.code, xl.err.split("\n")[1]], [1, "libxl_device_disk_add failed."]);
  assert.match((await command("network-attach 1", "xl", exists)).err, /\nlibxl_device_nic_add failed\.\n$/);
  // libxlutil says what is wrong with a specification, and libxl is not asked.
  const bad = failing("bad-config", "disk: no vdev is given");
  assert.equal((await command("block-attach 1 /x", "xl", bad)).err, "disk: no vdev is given\n");
  assert.equal((await command("block-detach 1 foo", "xl")).err, "Error: Device foo not connected.\n");
  const json = await command("block-detach 1 xvdb --json", "xenolith", missing);
  assert.equal(JSON.parse(json.err).error.code, "no-such-device");
});

Deno.test("wrong arguments end with 2 and say what was expected", async () => {
  const cases: Readonly<Record<string, RegExp>> = {
    "mem-set 1 lots": /invalid memory size: lots\nexpected MiB/,
    "mem-set 1 0": /invalid memory size/,
    "vcpu-set 1 0": /expected a whole number from 1 to 4096, found "0"/,
    "vcpu-pin 1 x 0": /vcpu: expected a whole number/,
    "vcpu-pin 1 0 9": /the host has the pCPUs 0 to 0/,
    "vcpu-pin 1 0 a-b": /expected pCPUs such as 0-3,\^2/,
    "sched-credit -w 5": /Must specify a domain/,
    "sched-credit -s -d 1": /not allowed with domain options/,
    "sched-credit -d 1 -w 0": /--weight: expected a whole number from 1 to 65535/,
    "shutdown": /which domain\?/,
    "shutdown -a 1": /do not go together/,
    "sysrq 1 ab": /expected one letter/,
    "top -d x -b": /--delay/,
    "xenstore-write /a": /has no value/,
    "xenstore-chmod /a x1": /expected n, r, w or b/,
    "console 1 -e ab": /expected \^ and a letter/,
    "pause": /missing required argument/,
    "block-attach 1": /missing required argument/,
    "block-detach 1 foo": /expected a disk's name such as xvdb, or its number; found "foo"/,
    "network-detach 1 eth0": /expected an interface's number or its MAC address/,
  };
  for (const [line, message] of Object.entries(cases)) {
    const { code, err, asked } = await command(line);
    assert.equal(code, 2, `${line}: ${err}`);
    assert.match(err, message);
    assert.deepEqual(asked, []);
  }
});

Deno.test("each dialect has its own words for a domain that there is not", async () => {
  assert.equal((await command("pause nope", "xl")).err, "nope is an invalid domain identifier (rc=-6)\n");
  assert.equal((await command("list nope", "xl")).err, "nope is an invalid domain identifier (rc=-6)\n");
  assert.equal((await command("list 7", "xl")).err, "Error: Domain '7' does not exist.\n");
  assert.equal((await command("pause nope", "xm")).err, "Error: Domain 'nope' does not exist.\n");
  assert.match((await command("pause lin-cluod-pv")).err, /does not exist\.\nDid you mean lin-cloud-pv\?/);
  const json = await command("pause nope --json");
  assert.equal(json.code, 1);
  assert.equal(JSON.parse(json.err).error.code, "no-such-domain");
  assert.deepEqual(JSON.parse((await command("pause --json 1")).out), {
    command: "pause",
    arguments: ["1"],
    done: true,
  });
});

Deno.test("called as xl: commands and options that xl does not have", async () => {
  assert.deepEqual(await command("dominfo", "xl"), {
    code: 1,
    out: "",
    err: "command not implemented\n",
    asked: [],
  });
  assert.equal((await command("-N list", "xl")).err, "command does not implement -N (dryrun) option\n");
  assert.equal((await command("shutdown -w 1", "xl")).err, "Shutting down domain 1\n");
  assert.equal(
    (await command("shutdown -w 1", "xm")).out,
    "Domain lin-cloud-pv terminated\nAll domains terminated\n",
  );
  assert.equal((await command("sched-credit", "xl")).out.split("\n")[0].slice(0, 15), "Cpupool Pool-0:");
  assert.equal((await command("sched-credit", "xm")).out.split("\n")[0].slice(0, 4), "Name");
});

Deno.test("commands of xm and xl that are not here say why, in each dialect, and do not suggest another", async () => {
  for (const dialect of ["xenolith", "xm", "xl"] as const) {
    for (const line of ["save 1 f", "restore f", "suspend 1", "migrate 1 host", "-f resume 1", "help save"]) {
      const { code, err, asked } = await command(line, dialect);
      assert.deepEqual([code, asked], [1, []], line);
      assert.match(
        err,
        /^(?:xenolith: |Error: )?\w+ is not supported: domains cannot be saved, restored,/,
        line,
      );
    }
    const { code, err } = await command("cd-insert 1 hdc /x.iso", dialect);
    assert.equal(code, 1);
    assert.match(err, /cd-insert is not supported: a PV guest's drive keeps its image; block-detach and/);
  }
  const json = await command("save --json 1 f");
  assert.equal(JSON.parse(json.err).error.code, "not-supported");
  assert.equal(JSON.parse((await command("sched-credit --json -w 5")).err).error.code, "usage");
  assert.match((await command("help lsit")).err, /unknown command 'lsit'\n\(Did you mean list\?\)/);
  assert.equal((await command("frobnicate", "xl")).err, "command not implemented\n");
});

Deno.test("config check takes settings behind its files; config convert says what it leaves out", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const vmid =
      'name = "g%d" % vmid\nkernel = "builtin:echo"\non_xend_stop = "suspend"\npci = [ "01:00.0@3" ]\n';
    await Deno.writeTextFile(join(directory, "a.cfg"), vmid);
    const run = (line: string) => command(line, "xenolith", undefined, { directory });
    const without = await run("config check a.cfg");
    assert.equal(without.code, 1);
    assert.match(without.out, /^a.cfg:1:\d+: the name vmid is not defined; give it behind the file: vmid=1/);
    const { code, out } = await run("config check a.cfg vmid=3");
    assert.equal(code, 0, out);
    assert.match(
      out,
      /warning: on_xend_stop has no effect: xend asks every domain to power off when it stops/,
    );
    assert.equal((await run("config check vmid=3")).code, 2);
    const converted = await run("config convert a.cfg vmid=3 --to libvirt");
    assert.match(converted.out, /^<domain type='xen'>\n {2}<name>g3<\/name>/);
    assert.deepEqual(converted.err.split("\n").filter((line) => line.startsWith("a.cfg")), [
      "a.cfg:4:1: warning: pci: the slot @3 of 01:00.0@3 is left out",
      "a.cfg:3:1: warning: on_xend_stop is left out",
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("no command that is here is said not to be", () => {
  const all = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  assert.deepEqual(all.filter((name) => whyUnsupported(name) !== undefined), []);
});

Deno.test("lists: states, JSON, uptime and names", async () => {
  assert.match((await command("list --state halted")).out, /^Name.*\nlater [^\n]*\n$/);
  assert.match((await command("list --state paused")).out, /^Name.*\nlin-cloud-pv [^\n]*\n$/);
  assert.equal(JSON.parse((await command("list --json")).out).length, 3);
  assert.equal((await command("domid lin-cloud-pv")).out, "1\n");
  assert.equal((await command("domid Domain-0")).out, "0\n");
  assert.match((await command("domid later")).err, /is not running/);
  assert.equal((await command("domname 1")).out, "lin-cloud-pv\n");
  assert.equal((await command("domstate later")).out, "halted\n");
  assert.match((await command("uptime", "xl")).out, /\nlin-cloud-pv {25}1 {2}0:00:04\n$/);
  assert.equal(JSON.parse((await command("info --json")).out).total_memory, 3071);
  assert.deepEqual(JSON.parse((await command("dmesg --json")).out), ["(XEN) one", "(XEN) two"]);
});

Deno.test("info FIELD: the value alone, of all names that begin so, as xl_info.c", async () => {
  assert.deepEqual(await command("info free_memory", "xl"), { code: 0, out: "1754\n", err: "", asked: [] });
  assert.equal((await command("info xen_m", "xm")).out, "4\n17\n");
  assert.equal((await command("info virt_caps", "xl")).out, "pv gnttab-v1\n");
  assert.deepEqual(JSON.parse((await command("info xen_m --json")).out), { xen_major: 4, xen_minor: 17 });
  // xl prints everything with -n, and nothing for what it does not know.
  assert.match((await command("info -n free_memory", "xl")).out, /^host [^]*\ncpu_topology/);
  assert.deepEqual(await command("info colour", "xl"), { code: 0, out: "", err: "", asked: [] });
  const unknown = await command("info fre_memory");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /info has no field "fre_memory": did you mean free_memory\?/);
});

Deno.test("what xend cannot do is said, and xendomains' failures are", async () => {
  const refused = () => Promise.reject(new XendFailure("not-supported", "pinning of vCPUs is not supported"));
  assert.deepEqual(await command("vcpu-pin 1 0 0", "xenolith", { pin: refused }), {
    code: 1,
    out: "",
    err: "xenolith: pinning of vCPUs is not supported\n",
    asked: [],
  });
  assert.match((await command("debug-keys q")).err, /this xend has no debug keys/);
  const stopped = await command("xendomains stop");
  assert.deepEqual([stopped.code, stopped.out, stopped.err], [1, "stopped a\n", "b: no kernel\n"]);
});

Deno.test("output that nobody reads ends a command quietly", async () => {
  const closed = () => Promise.reject(new OutputClosed("closed"));
  const { code, err } = await command("dmesg", "xenolith", { dmesg: closed });
  assert.deepEqual([code, err], [141, ""]);
});

Deno.test("sizes, pCPUs and escape keys", () => {
  assert.equal(parseMemory("64"), 65536);
  assert.equal(parseMemory("2G"), 2 ** 21);
  assert.equal(parseMemory("1048576b"), 1024);
  assert.deepEqual(parseCpus("0-3,^2", 8), [0, 1, 3]);
  assert.deepEqual(parseCpus("^0", 3), [1, 2]);
  assert.deepEqual(parseCpus("all,^1", 3), [0, 2]);
  assert.deepEqual(parseCpus("node:0", 2), [0, 1]);
  assert.equal(parseCpus("-", 2), undefined);
  assert.throws(() => parseCpus("0,^0", 2), /leaves no pCPU/);
  assert.equal(parseEscape("^A"), 1);
  assert.equal(parseEscape("^]"), 0x1d);
  assert.equal(parseEscape("~"), 0x7e);
});

Deno.test("the manual has every command, option and exit code, in lines that roff takes", () => {
  const page = manualPage();
  assert.match(page, /^\.TH XENOLITH 1 /);
  const plain = page.replaceAll("\\-", "-").replaceAll("\\fB", "").replaceAll("\\fR", "").replaceAll(
    "\\fI",
    "",
  );
  for (const { name, hidden, summary } of COMMANDS.flatMap((each) => each.subcommands ?? [each])) {
    if (hidden === true) assert.ok(!plain.includes(name), name);
    else assert.ok(plain.includes(summary.slice(1)), name);
  }
  // A line that begins with a dot is one of the requests that are used here.
  for (const line of page.split("\n")) {
    if (line.startsWith(".")) assert.match(line, /^\.(?:TH|SH|TP|RS|RE|PP)\b/);
    assert.doesNotMatch(line, /^'/);
  }
});

Deno.test("completions", async () => {
  const source: Source = {
    domains: () => Promise.resolve([{ word: "a", summary: "" }, { word: "b", summary: "" }]),
    managed: () => Promise.resolve([{ word: "b", summary: "" }]),
    nodes: (path) => Promise.resolve(path === "/local/" ? ["domain"] : []),
    nodeFields: () => Promise.resolve([{ word: "free_memory", summary: "1754" }]),
  };
  const words = async (...line: string[]) => {
    const found = await completionsOf(line, source);
    return found === "files" ? found : found.map(({ word }) => word);
  };
  assert.deepEqual(await words("xenstore-l"), ["xenstore-ls", "xenstore-list"]);
  assert.deepEqual(await words("destroy", ""), ["a", "b"]);
  assert.deepEqual(await words("destroy", "a", ""), ["a", "b"]);
  assert.deepEqual(await words("rename", "a", ""), []);
  for (const name of ["block-attach", "block-detach", "network-attach", "network-detach"]) {
    assert.deepEqual(await words(name, ""), ["a", "b"], name);
  }
  assert.deepEqual(await words("block-attach", "a", ""), "files");
  assert.deepEqual(await words("start", ""), ["b"]);
  assert.deepEqual(await words("list", "--state=sh"), ["--state=shutdown"]);
  assert.deepEqual(await words("list", "--state", "sh"), ["shutdown"]);
  assert.deepEqual(await words("sched-credit", "-d", ""), ["a", "b"]);
  assert.deepEqual(await words("sched-credit", "-wd", ""), []);
  assert.deepEqual(await words("create", ""), "files");
  assert.deepEqual(await words("dump-core", "a", ""), "files");
  assert.deepEqual(await words("xenstore-ls", "/local/"), ["/local/domain"]);
  assert.deepEqual(await words("help", "unp"), ["unpause"]);
  assert.deepEqual(await words("--json", "unp"), ["unpause"]);
  assert.deepEqual(await words("config", "convert", "--to", "l"), ["libvirt"]);
  assert.deepEqual(await words("nothing", ""), []);
  assert.ok(!(await words("")).includes("__complete"));
});

Deno.test("top: batch formats one sample a turn, --json one answer; the dashboard where there is a terminal", async () => {
  assert.equal((await command("top -b -i 2")).out.match(/^ +NAME/gm)?.length, 2);
  const csv = (await command("top -o csv -i 3")).out.split("\n");
  assert.deepEqual(csv.filter((line) => line.startsWith("time,")).length, 1);
  assert.equal(csv.length, 1 + 3 * 2 + 1);
  const samples = (await command("top -b -o json -i 2")).out.trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(samples.map(({ domains }) => domains.length), [2, 2]);
  assert.equal(JSON.parse((await command("top --json")).out).domains[1].name, "lin-cloud-pv");
  assert.match((await command("top -o prometheus -i 1")).out, /^# HELP xen_info .*\n# TYPE xen_info gauge\n/);
  assert.equal((await command("top -o xml -b")).code, 2);
  assert.match((await command("top -V")).out, /^xenolith \d/);

  const piped = await command("top", "xenolith", undefined, { dashboard: () => Promise.resolve(0) });
  assert.deepEqual([piped.code, piped.out], [2, ""]);
  assert.match(piped.err, /needs a terminal.*top -b/);
  let options: unknown;
  const terminal = () =>
    Promise.resolve({
      interactive: true,
      size: () => ({ columns: 80, rows: 24 }),
      async *input() {},
      write() {},
      setRaw() {},
    });
  const shown = await command("top -d 0.5 -n --readonly --theme light", "xenolith", undefined, {
    terminal,
    dashboard: (given) => {
      options = given;
      return Promise.resolve(7);
    },
  });
  assert.deepEqual([shown.code, shown.out, shown.err], [7, "", ""]);
  assert.deepEqual(options, {
    delaySeconds: 0.5,
    iterations: 0,
    readOnly: true,
    ascii: false,
    theme: "light",
    networks: true,
    vbds: false,
    vcpus: false,
    repeatHeader: false,
    fullName: false,
  });
  const without = await command("top", "xenolith", undefined, { terminal });
  assert.deepEqual([without.code, without.out], [1, ""]);
  assert.match(without.err, /without the dashboard; top -b/);
});

Deno.test("console: a domain that ends as soon as its console is there is not missed, slow as its events come", async () => {
  const domain = "lin-cloud-pv";
  let tell: (event: XendEvent) => void = () => {};
  const { code, err } = await command(`console ${domain}`, "xenolith", {
    followEvents: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { promise, resolve } = Promise.withResolvers<XendEvent>();
      tell = resolve;
      const events = (async function* () {
        yield await promise;
      })();
      return { events, close: () => Promise.resolve() };
    },
    attachConsole: () => {
      tell({ type: "domain", at: 0, domid: 1, name: domain, change: "shutdown", reason: "crash" });
      const output = ReadableStream.from([new TextEncoder().encode("bye")]);
      return Promise.resolve({ output, input: () => Promise.resolve(), close: () => {} });
    },
  });
  assert.deepEqual([code, err.split("\n").at(-2)], [3, `${domain} crashed`]);
});
