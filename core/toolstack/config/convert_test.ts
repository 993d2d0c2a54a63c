import assert from "node:assert/strict";
import {
  BARE_ENVIRONMENT,
  checkConfig,
  convertConfig,
  jsonSchema,
  KEYS,
  readDomainConfig,
  showConfig,
} from "./mod.ts";
import { configSchema } from "./keys/mod.ts";

const XM = `import os
vg = '/dev/vg0'
name = "web%d" % 1
builder = 'linux'
kernel = "/boot/vmlinuz-xen"
memory = 64 * 2
cpu_cap = 50
ip = "10.0.0.2"; netmask = "255.255.255.0"; gateway = "10.0.0.1"; hostname = "web"
root = "/dev/xvda1 ro"
extra = 'say "hi"'
disk = [ 'phy:%s/web,xvda1,w' % vg, 'tap:qcow2:/i.img,xvdb,r' ]
vif = [ 'mac=00:16:3e:00:00:01,bridge=xenbr0,rate=10Mb/s' ]
on_xend_start = 'start'
on_crash = 'preserve'
`;

const source = { name: "web.cfg", text: XM };

Deno.test("an xm file becomes one of xl, which xl's grammar reads to the same domain", () => {
  const text = convertConfig(source, "xl");
  assert.equal(
    text,
    `name = "web1"
type = "pv"
kernel = "/boot/vmlinuz-xen"
memory = 128
cap = 50
cmdline = "ip=10.0.0.2:127.0.255.255:10.0.0.1:255.255.255.0:web:eth0:off root=/dev/xvda1 ro say \\"hi\\""
disk = [
    "format=raw,vdev=xvda1,access=rw,target=/dev/vg0/web",
    "format=qcow2,vdev=xvdb,access=ro,target=/i.img",
]
vif = [ "mac=00:16:3e:00:00:01,bridge=xenbr0,rate=10Mb/s" ]
on_crash = "preserve"
# on_xend_start of xm has no counterpart in xl.
`,
  );
  const before = readDomainConfig(source).config;
  const after = readDomainConfig({ name: "x", text }).config;
  assert.deepEqual({ ...after, cap: 0, startWithXend: true }, before);
});

Deno.test("a configuration in JSON is what the schema takes", () => {
  const json = JSON.parse(convertConfig(source, "json"));
  assert.equal(json.memory, 128);
  assert.deepEqual(json.disk, ["phy:/dev/vg0/web,xvda1,w", "tap:qcow2:/i.img,xvdb,r"]);
  assert.ok(!("vg" in json));
  const parsed = configSchema.safeParse(json);
  assert.deepEqual(parsed.error?.issues ?? [], []);
  const schema = jsonSchema();
  const properties = schema.properties as Record<string, { description: string; status: { kind: string } }>;
  assert.deepEqual(Object.keys(properties).sort(), [...KEYS.keys()].sort());
  for (const [key, { description, status }] of Object.entries(properties)) {
    assert.ok(description.length > 3 && ["honoured", "accepted", "refused"].includes(status.kind), key);
  }
  assert.deepEqual(schema.required, ["name"]);
  assert.equal(configSchema.safeParse({ name: "x", memory: "much" }).success, false);
  assert.equal(configSchema.safeParse({ name: "x", disk: ["nothing"] }).success, false);
});

Deno.test("a configuration for libvirt", () => {
  const xml = convertConfig({ ...source, text: XM.replace("web%d", "a<b>&%d") }, "libvirt");
  for (
    const part of [
      "<name>a&lt;b&gt;&amp;1</name>",
      "<memory unit='MiB'>128</memory>",
      "<type arch='x86_64' machine='xenpv'>linux</type>",
      "<on_crash>preserve</on_crash>",
      "<source dev='/dev/vg0/web'/>",
      "<driver name='qemu' type='qcow2'/>",
      "<mac address='00:16:3e:00:00:01'/>",
      "<source bridge='xenbr0'/>",
      "<readonly/>",
      "<outbound average='1221'/>",
    ]
  ) assert.ok(xml.includes(part), `${part}\n${xml}`);
});

Deno.test("a file is shown with its keys and what they make", () => {
  const text =
    'name = "g"\nmemory = 0x40\nvcpus = "2"\nmaxmem = 128\nlist = [ 1, "2", 0x3, [ ] ]\ndisk = [ "bad" ]\nacpi = 1\ntype = "hvm"\n';
  const { keys, effective, diagnostics } = showConfig({ name: "f", text }, ["extra=a b"], BARE_ENVIRONMENT);
  assert.deepEqual(keys, {
    name: "g",
    memory: 64,
    vcpus: "2",
    maxmem: 128,
    list: [1, "2", "0x3", []],
    disk: ["bad"],
    acpi: 1,
    type: "hvm",
    extra: "a b",
  });
  const { name, type, memory, maxmem, vcpus, maxvcpus, acpi, cmdline, on_reboot, boot } = effective;
  assert.deepEqual({ name, type, memory, maxmem, vcpus, maxvcpus, acpi, cmdline, on_reboot, boot }, {
    name: "g",
    type: "hvm",
    memory: 64,
    maxmem: 128,
    vcpus: 2,
    maxvcpus: 2,
    acpi: true,
    cmdline: "a b",
    on_reboot: "restart",
    boot: "cda",
  });
  assert.deepEqual(diagnostics.map(({ message }) => message), [
    "unknown key list",
    "disk: no vdev is given: what the guest is to call the disk, like xvda",
  ]);
  assert.equal(diagnostics[1].span.start.column, 10);
});

Deno.test("files are checked, each diagnostic with its place", () => {
  const files = [
    { name: "a.cfg", text: 'name = "a"\nkernel = "k"\nmemroy = 1\n' },
    { name: "b.cfg", text: 'name = "b"\nmemory = 9999\nvif = [ "", "colour=red" ]\n' },
    { name: "c.cfg", text: "import os\nname = os.nothing()\n" },
  ];
  const seen = checkConfig(files, { environment: BARE_ENVIRONMENT }).filter(({ severity }) =>
    severity !== "note"
  )
    .map(({ file, line, column, severity, message }) =>
      `${file}:${line}:${column} ${severity} ${message.slice(0, 40)}`
    );
  assert.deepEqual(seen, [
    "a.cfg:3:1 warning unknown key memroy; did you mean memory?",
    "b.cfg:2:10 error memory: expected a number of MiB from 1 ",
    "b.cfg:3:1 warning vif has no effect: interfaces are not at",
    'b.cfg:3:13 error vif: unknown parameter "colour"; there a',
    'b.cfg:3:27 error kernel is missing: expected kernel = "..',
    "c.cfg:2:8 error os.nothing: configurations are not run a",
  ]);
  const strict = checkConfig(files.slice(0, 1), { environment: BARE_ENVIRONMENT, strict: true });
  assert.equal(strict[0].severity, "error");
});
