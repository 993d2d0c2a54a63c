import assert from "node:assert/strict";
import { ConfigError, formatDiagnostic, readDomainConfig } from "./mod.ts";
import { parseConfig } from "./xl/parser.ts";
import { parseInteger, type Value } from "./value.ts";
import { settle } from "./xl/settings.ts";
import { nearest } from "./suggestion.ts";

function read(text: string, ...overrides: string[]) {
  return readDomainConfig({ name: "test.cfg", text }, overrides);
}

/** The faults' first lines, as the user sees them. */
function faults(text: string, ...overrides: string[]): string[] {
  try {
    read(text, ...overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.diagnostics.map((diagnostic) => formatDiagnostic(diagnostic).split("\n")[0]);
  }
  return [];
}

function plain(value: Value): unknown {
  return value.kind === "list" ? value.items.map(plain) : value.text;
}

function settings(text: string): Record<string, unknown> {
  const { assignments, diagnostics } = parseConfig({ name: "t", text });
  assert.deepEqual(diagnostics.map(formatDiagnostic), []);
  return Object.fromEntries([...settle(assignments).byKey].map(([key, { value }]) => [key, plain(value)]));
}

const minimal = 'name = "guest"\nkernel = "/boot/grub.bin"\n';

Deno.test("the grammar of xl's files is read", () => {
  assert.deepEqual(
    settings(`# a comment
a = 'single "quoted"' ; b = "double 'quoted'" # more
num=0x1f;;oct = 017
list = [ "one", 'two',
         # inside
         3, [ "nested", ], ]
empty = []
a.b_2 = "A\\102\\n\\\\\\""
s = "x"
s += "y"
l = [ 1 ]
l += [ 2, 3 ]
twice = 1
twice = 2
last = "no newline"`),
    {
      a: 'single "quoted"',
      b: "double 'quoted'",
      num: "0x1f",
      oct: "017",
      list: ["one", "two", "3", ["nested"]],
      empty: [],
      "a.b_2": 'A\n\\"',
      s: "xy",
      l: ["1", "2", "3"],
      twice: "2",
      last: "no newline",
    },
  );
  assert.deepEqual(settings("a = 1\r\nb = 'x' # end\r\n# last"), { a: "1", b: "x" });
});

Deno.test("syntax faults name line, column and what was expected, each line on its own", () => {
  const text =
    'name = guest\nmemory 128\nkernel = "open\nextra = [ "a" "b" ]\nvcpus = 1 2\n= 3\nName = "x"\nroot = -1\n' +
    'x = "\\q"\n';
  assert.deepEqual(faults(text), [
    'test.cfg:1:8: expected a value, found the word guest; strings are written in quotes: "guest"',
    "test.cfg:2:8: expected = or += after memory, found a number",
    'test.cfg:3:10: the string is not closed: expected " before the line ends',
    "test.cfg:4:15: expected , or ] in the list that begins on line 4, found a string",
    "test.cfg:5:11: expected the end of the line or ; after the value, found a number",
    'test.cfg:6:1: expected a key, found "="',
    'test.cfg:7:1: cannot read "Name" here; keys are written in lower case, strings in quotes',
    'test.cfg:8:8: cannot read "-1" here; a negative number is written in quotes',
    "test.cfg:9:6: \\q is no escape; write \\\\ for a backslash",
  ]);
  assert.deepEqual(faults('disk = [ "a",\n'), [
    "test.cfg:2:1: expected a value (a string in quotes, a number or a [list]), found the end of the file",
  ]);
  assert.deepEqual(faults('a = "x"\na += [ 1 ]'), [
    "test.cfg:2:6: cannot add a list to a, which holds a single value since line 1",
  ]);
});

Deno.test("the line at fault is shown with a caret", () => {
  try {
    read(`${minimal}\tmemory = "lots"\n`);
    assert.fail("accepted");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(
      error.message,
      'test.cfg:3:11: memory: expected a number of MiB, at least 1, found the string "lots"\n' +
        '    \tmemory = "lots"\n    \t         ^',
    );
  }
});

Deno.test("a domain has defaults for all but its name and kernel", () => {
  assert.deepEqual(read(minimal).config, {
    name: "guest",
    uuid: undefined,
    kernel: "/boot/grub.bin",
    ramdisk: undefined,
    cmdline: "",
    memoryMiB: 128,
    maxMemoryMiB: 128,
    vcpus: 1,
    maxVcpus: 1,
    cpus: [],
    cpusSoft: [],
    cpuWeight: 256,
    cap: 0,
    disks: [],
    vifs: [],
    onPoweroff: "destroy",
    onReboot: "restart",
    onCrash: "destroy",
    onWatchdog: "destroy",
    onSoftReset: "soft-reset",
    startWithXend: false,
  });
  assert.deepEqual(faults("memory = 64\n\n"), [
    'test.cfg:2:1: name is missing: expected name = "..."',
    'test.cfg:2:1: kernel is missing: expected kernel = "..."',
  ]);
});

Deno.test("keys are typed", () => {
  const { config } = read(
    `${minimal}ramdisk='/initrd'\nmemory="0x40"\nmaxmem=0200\nvcpus=2\ntype="pv"\nbuilder='linux'\n` +
      `on_crash="preserve"\nroot="/dev/xvda1 ro"\nextra="quiet"\nbootloader=""\n`,
  );
  assert.equal(config.memoryMiB, 64);
  assert.equal(config.maxMemoryMiB, 128);
  assert.equal(config.cmdline, "root=/dev/xvda1 ro quiet");
  assert.equal(config.onCrash, "preserve");
  assert.deepEqual(
    faults(`${minimal}memory=[1]\nvcpus=0\non_crash="restat"\ntype="hvm"\nextra=["x"]\nmaxmem="12MB"\n`),
    [
      "test.cfg:3:8: memory: expected a number of MiB, at least 1, found a list",
      "test.cfg:4:7: vcpus: expected a number of vCPUs from 1 to 512, found the number 0",
      'test.cfg:5:10: on_crash: expected one of "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", ' +
      '"coredump-restart", "soft-reset"; found the string "restat"; did you mean "restart"?',
      'test.cfg:6:6: type: hvm domains are not supported yet; expected "pv"',
      "test.cfg:7:7: extra: expected a string, found a list",
      'test.cfg:8:8: maxmem: expected a number of MiB, at least 1, found the string "12MB"',
    ],
  );
  assert.deepEqual(faults(`${minimal}memory=128\nmemory+=128\n`), [
    "test.cfg:4:9: memory: += cannot be used with the number memory",
  ]);
  assert.deepEqual(faults(`${minimal}memory=128\nmaxmem=64\n`), [
    "test.cfg:4:8: maxmem: expected at least memory (128 MiB), found 64",
  ]);
  assert.match(faults(`${minimal}bootloader="pygrub"\n`)[0], /no bootloader can be run/);
  assert.match(faults('name="a/b"\nkernel="k"\n')[0], /test.cfg:1:6: name: .*without slashes/);
});

Deno.test("unknown keys are warned about with a suggestion, and faults when that is asked for", () => {
  const text = `${minimal}memroy = 128\nfrobnicate = 1\n`;
  const words = ["unknown key memroy; did you mean memory?", "unknown key frobnicate"];
  assert.deepEqual(read(text).warnings.map(({ message }) => message), words);
  assert.throws(
    () => readDomainConfig({ name: "test.cfg", text }, [], { strict: true }),
    (error) =>
      error instanceof ConfigError && error.diagnostics.length === 2 &&
      /test.cfg:3:1: unknown/.test(error.message),
  );
});

Deno.test("keys without effect are warned about, those of other guests are not", () => {
  const { warnings, config } = read(
    `${minimal}disk = [ "phy:/dev/x,xvda,w" ]\nvif = []\nacpi = 1\npool = "fast"\nvnc = 1\n`,
  );
  assert.deepEqual(warnings.map(({ message }) => message), [
    "pool has no effect: there is one pool, Pool-0",
  ]);
  assert.equal(config.disks[0].target, "/dev/x");
  const both = read(`${minimal}cmdline="a"\nextra="b"\n`);
  assert.equal(both.config.cmdline, "a");
  assert.deepEqual(both.warnings.map(formatDiagnostic), [
    'test.cfg:4:1: warning: root and extra are ignored in favour of cmdline\n    extra="b"\n    ^',
  ]);
});

Deno.test("disks and interfaces that nothing serves are faults of a PV domain, each at its place", () => {
  const cases: Readonly<Record<string, string>> = {
    "disk=['format=qcow2,vdev=xvda,target=/a']":
      "3:7: disk: xvda: format=qcow2: only raw images are served yet; qemu-img convert -O raw makes one",
    "disk=['/a,raw,xvda','/b,vhd,xvdb']":
      "3:21: disk: xvdb: format=vhd: only raw images are served yet; qemu-img convert -O raw makes one",
    "disk=['/a,raw,foo']":
      "3:7: disk: foo names no disk: xvda to xvdp, hda to hdd, sda to sdp, d0p0 or a number",
    "disk=['/a,raw,xvda','/b,raw,51712']": "3:21: disk: 51712 is there twice",
    "disk=['backend=driver,vdev=xvda,target=/a']":
      "3:7: disk: xvda: backend=driver: only Domain-0 serves devices; there are no driver domains",
    "disk=['iscsi:x,xvda,w']":
      "3:7: disk: xvda: script=block-iscsi: only files and block devices of this host are served (no iscsi, nbd or drbd)",
    "disk=[',hdc:cdrom,r']":
      "3:7: disk: hdc: an empty drive is for HVM guests; a PV guest's drive shows an image from the start",
    "disk=['vdev=xvda,target=']": "3:7: disk: xvda: no target is given: the image or device",
    "disk=['specification=virtio,vdev=xvda,target=/a']":
      "3:7: disk: xvda: specification=virtio: only Xen's own block protocol is served",
    "vif=['', 'devid=0']": "3:10: vif: devid=0 is there twice",
    "vif=['devid=65536']": "3:6: vif: devid=65536: expected at most 65535",
    "vif=['backend=1']": "3:6: vif: backend=1: only Domain-0 serves devices; there are no driver domains",
  };
  for (const [line, fault] of Object.entries(cases)) {
    assert.deepEqual(faults(`${minimal}${line}\n`), [`test.cfg:${fault}`], line);
  }
  const plain = read(
    `${minimal}disk=['/a,raw,xvda','script=block,backend=Domain-0,vdev=51728,target=/b']\nvif=['type=ioemu','backend=0']\n`,
  );
  assert.deepEqual(plain.warnings, []);
  assert.deepEqual(plain.config.vifs.map(({ devid }) => devid), [0, 1]);
});

Deno.test("overrides from the command line come last and need no quotes", () => {
  const { config } = read(
    `${minimal}memory = 64\nextra = "a"`,
    "memory=256",
    "name=other",
    "extra+= b",
    "on_crash='restart'",
  );
  assert.equal(config.memoryMiB, 256);
  assert.equal(config.name, "other");
  assert.equal(config.cmdline, "a b");
  assert.equal(config.onCrash, "restart");
  assert.deepEqual(faults(minimal, "memory=big"), [
    'command line:1:8: memory: expected a number of MiB, at least 1, found the string "big"',
  ]);
  assert.deepEqual(faults(minimal, "memory"), [
    "command line:1:7: expected = or += after memory, found the end of the file",
  ]);
});

Deno.test("numbers are read as C reads them", () => {
  const cases: [string, number | undefined][] = [
    ["10", 10],
    ["0x10", 16],
    ["010", 8],
    ["0", 0],
    ["-5", -5],
    [" 7", 7],
    ["08", undefined],
    ["7 ", undefined],
    ["", undefined],
    ["1k", undefined],
  ];
  for (const [written, number] of cases) assert.equal(parseInteger(written), number, written);
});

Deno.test("suggestions are near or none", () => {
  const keys = ["memory", "maxmem", "name", "vcpus", "on_crash"];
  assert.equal(nearest("memroy", keys), "memory");
  assert.equal(nearest("vcpu", keys), "vcpus");
  assert.equal(nearest("oncrash", keys), "on_crash");
  assert.equal(nearest("banana", keys), undefined);
  assert.equal(nearest("x", keys), undefined);
});
