import assert from "node:assert/strict";
import {
  BARE_ENVIRONMENT,
  checkConfig,
  convertConfig,
  formatDiagnostic,
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
  const { text, left } = convertConfig(source, "xl");
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
# on_xend_start is left out: it has no counterpart in xl.
`,
  );
  assert.deepEqual(left.map(formatDiagnostic), [
    "web.cfg:13:1: warning: on_xend_start is left out: it has no counterpart in xl\n" +
    "    on_xend_start = 'start'\n    ^",
  ]);
  // An image of that format is converted, but not served.
  assert.throws(() => readDomainConfig(source), /web\.cfg:11:8: disk: xvdb: format=qcow2: only raw images/);
  const before = readDomainConfig({ name: "web.cfg", text: XM.replace("qcow2", "aio") }).config;
  const after = readDomainConfig({ name: "x", text: text.replace("qcow2", "raw") }).config;
  assert.deepEqual({ ...after, cap: 0, startWithXend: true }, before);
});

Deno.test("a configuration in JSON is what the schema takes", () => {
  const json = JSON.parse(convertConfig(source, "json").text);
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
  const { text: xml, left } = convertConfig(
    { ...source, text: XM.replace("web%d", "a<b>&%d") },
    "libvirt",
  );
  for (
    const part of [
      "<name>a&lt;b&gt;&amp;1</name>",
      "<memory unit='MiB'>128</memory>",
      "<type arch='x86_64' machine='xenpv'>linux</type>",
      "<on_crash>preserve</on_crash>",
      "<source dev='/dev/vg0/web'/>",
      "<driver name='phy' type='raw'/>",
      "<driver name='qemu' type='qcow2'/>",
      "<mac address='00:16:3e:00:00:01'/>",
      "<source bridge='xenbr0'/>",
      "<readonly/>",
      "<outbound average='1221'/>",
    ]
  ) assert.ok(xml.includes(part), `${part}\n${xml}`);
  assert.deepEqual(left.map(({ message }) => message), ["cpu_cap is left out", "on_xend_start is left out"]);
});

/** The elements of one name, without the blanks between them. */
function elements(xml: string, name: string): string[] {
  const found = xml.matchAll(new RegExp(`<${name}\\b[^>]*(?:/>|>[^]*?</${name}>)`, "g"));
  return [...found].map(([text]) => text.replace(/\n\s*/g, ""));
}

function toLibvirt(text: string): { xml: string; left: string[] } {
  const { text: xml, left } = convertConfig({ name: "f", text: `name = "g"\n${text}` }, "libvirt");
  return { xml, left: left.map(({ message }) => message) };
}

// The elements are those of libvirt's own tests of its xl driver, for the same keys.
Deno.test("PCI and USB devices become libvirt's hostdev", () => {
  const { xml, left } = toLibvirt(
    `pci = [ "0000:01:1a.1", "0000:02:00.0,permissive=1", "03:0a.0@5,msitranslate=1,seize=0", "04:00.*" ]
usbctrl = [ "type=qusb,version=1,ports=6", "type=devicemodel" ]
usbdev = [ "hostbus=1,hostaddr=3", "hostaddr=3", "type=hostdev,hostbus=1,hostaddr=4,controller=1,port=1" ]
`,
  );
  const pci = (address: string, source = "<source>") =>
    `<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/>${source}<address ${address}/></source></hostdev>`;
  const usb = (device: number) =>
    `<hostdev mode='subsystem' type='usb' managed='no'><source><address bus='1' device='${device}'/></source></hostdev>`;
  assert.deepEqual(elements(xml, "hostdev"), [
    pci("domain='0x0000' bus='0x01' slot='0x1a' function='0x1'"),
    pci("domain='0x0000' bus='0x02' slot='0x00' function='0x0'", "<source writeFiltering='no'>"),
    pci("domain='0x0000' bus='0x03' slot='0x0a' function='0x0'"),
    usb(3),
    usb(4),
  ]);
  assert.deepEqual(elements(xml, "controller"), [
    "<controller type='usb' index='0' model='qusb1' ports='6'/>",
  ]);
  assert.deepEqual(left, [
    'usbctrl: "type=devicemodel" is left out',
    "pci: the slot @5, msitranslate of 03:0a.0@5 is left out",
    'pci: "04:00.*" names no one function of a device and is left out',
    'usbdev: "hostaddr=3" names no device of the host by hostbus and hostaddr and is left out',
    "usbdev: controller, port of 1:4 is left out",
  ]);
  const all = toLibvirt('pci = [ "bdf=01:00.0,rdm_policy=strict" ]\npci_permissive = 1\n');
  assert.deepEqual(elements(all.xml, "source"), [
    "<source writeFiltering='no'><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>",
  ]);
  assert.deepEqual(all.left, ["pci: rdm_policy of 01:00.0 is left out"]);
});

Deno.test("channels, serial and parallel ports for libvirt", () => {
  const { xml, left } = toLibvirt(
    `channel = [ "connection=pty,name=org.qemu.guest_agent.0", "connection=socket,path=/s,name=b", "name=c" ]
`,
  );
  assert.deepEqual(elements(xml, "channel"), [
    "<channel type='pty'><target type='xen' name='org.qemu.guest_agent.0'/></channel>",
    "<channel type='unix'><source mode='bind' path='/s'/><target type='xen' name='b'/></channel>",
  ]);
  assert.deepEqual(left, [
    'channel: "name=c", which says neither connection=pty nor connection=socket,path=PATH, is left out',
  ]);
  const hvm = toLibvirt(`type = "hvm"
serial = [ "pty", "file:/tmp/serial.log", "tcp:127.0.0.1:7777,server,nowait", "udp:127.0.0.1:9999@0.0.0.0:99998", "none", "odd:1" ]
parallel = "/dev/parport0"
`);
  assert.deepEqual(elements(hvm.xml, "serial"), [
    "<serial type='pty'><target port='0'/></serial>",
    "<serial type='file'><source path='/tmp/serial.log'/><target port='1'/></serial>",
    "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='7777'/><protocol type='raw'/><target port='2'/></serial>",
    "<serial type='udp'><source mode='connect' host='127.0.0.1' service='9999'/><source mode='bind' host='0.0.0.0' service='99998'/><target port='3'/></serial>",
  ]);
  assert.deepEqual(elements(hvm.xml, "parallel"), [
    "<parallel type='dev'><source path='/dev/parport0'/><target port='0'/></parallel>",
  ]);
  assert.deepEqual(hvm.left, ['serial: "odd:1" is left out']);
});

Deno.test("screens, sound, timers and limits for libvirt", () => {
  const { xml, left } = toLibvirt(`type = "hvm"
spice = 1
spicehost = "127.0.0.1"
spiceport = 590
spicetls_port = 500
spicepasswd = "thebeast"
spiceagent_mouse = 0
spice_clipboard_sharing = 0
vga = "stdvga"
videoram = 32
soundhw = "sb16,es1370,other"
usb = 1
usbdevice = [ "tablet", "host:046d:c016", "disk:/x" ]
hpet = 1
tsc_mode = "native"
max_event_channels = 2047
cpus = [ "0", "1-2" ]
vcpus = 2
cpu_weight = 512
on_poweroff = "coredump-destroy"
bios = "ovmf"
acpi = 0
`);
  assert.deepEqual(elements(xml, "graphics"), [
    "<graphics type='spice' port='590' tlsPort='500' autoport='no' listen='127.0.0.1' passwd='thebeast'>" +
    "<mouse mode='server'/><clipboard copypaste='no'/></graphics>",
  ]);
  const part = (name: string) => elements(xml, name).join("");
  assert.equal(part("video"), "<video><model type='vga' vram='32768' heads='1'/></video>");
  assert.equal(part("sound"), "<sound model='sb16'/><sound model='es1370'/>");
  assert.equal(part("input"), "<input type='tablet' bus='usb'/>");
  assert.equal(part("vendor") + part("product"), "<vendor id='0x046d'/><product id='0xc016'/>");
  assert.equal(
    part("clock"),
    "<clock offset='utc'><timer name='tsc' present='yes' mode='native'/><timer name='hpet' present='yes'/></clock>",
  );
  assert.equal(part("controller"), "<controller type='xenbus' index='0' maxEventChannels='2047'/>");
  assert.equal(
    part("cputune"),
    "<cputune><shares>512</shares><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1-2'/></cputune>",
  );
  assert.ok(!xml.includes("<acpi/>"));
  assert.deepEqual(left, [
    "on_poweroff: the core, which libvirt takes after a crash only, is left out",
    'usbdevice: "disk:/x" is left out',
    'soundhw: "other" is left out',
    "bios is left out",
  ]);
  const pv = toLibvirt('vfb = [ "type=vnc,vncdisplay=25,vnclisten=127.0.0.1,vncpasswd=123poi,colour=8" ]\n');
  assert.deepEqual(elements(pv.xml, "graphics"), [
    "<graphics type='vnc' port='5925' autoport='no' listen='127.0.0.1' passwd='123poi'/>",
  ]);
  assert.equal(pv.left.length, 1);
  assert.match(pv.left[0], /^vfb: colour of /);
});

Deno.test("no key is left out without a word, and none is named that says nothing", () => {
  const { left } = toLibvirt(`vnuma = [ [ "pnode=0", "size=1024" ] ]
cpuid = "host"
sdl = 0
vnc = 0
vncdisplay = 3
localtime = 0
pae = 1
disk = [ "vdev=xvda,script=block-x,direct-io-safe,target=/i", "vdev=xvdb,backendtype=phy,discard,target=/dev/b" ]
vif = [ "mtu=9000,vlan=7,gatewaydev=eth0", "devid=9" ]
memroy = 3
`);
  assert.deepEqual(left, [
    "unknown key memroy; did you mean memory?",
    "disk: script, direct_io_safe of xvda is left out",
    "vif: vlan, gatewaydev of interface 0 is left out",
    "vif: devid of interface 1 is left out",
    "vnuma is left out",
    "cpuid is left out",
  ]);
  for (const to of ["xl", "libvirt"] as const) {
    const own = convertConfig({ name: "f", text: 'name = "g%d" % vmid\n' }, to, { overrides: ["vmid=3"] });
    assert.match(own.text, /g3/);
    assert.deepEqual(own.left, []);
  }
  const json = convertConfig({ name: "f", text: 'name = "g"\nmemroy = 3\n' }, "json");
  assert.deepEqual(json.left.map(({ message }) => message), ["unknown key memroy; did you mean memory?"]);
  const old = convertConfig(
    { name: "f", text: 'name = "g"\nvif = [ "mac=0:1:2:3:4:5,policy=p,label=l" ]\n' },
    "xl",
  );
  assert.equal(old.text.split("\n").slice(1, 4).join(""), 'vif = [    "mac=00:01:02:03:04:05",]');
  assert.deepEqual(old.left.map(({ message }) => message), [
    "vif: policy, label is left out, which xl refuses",
  ]);
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
    'b.cfg:3:13 error vif: unknown parameter "colour"; there a',
    'b.cfg:3:27 error kernel is missing: expected kernel = "..',
    "c.cfg:2:8 error os.nothing: configurations are not run a",
  ]);
  const strict = checkConfig(files.slice(0, 1), { environment: BARE_ENVIRONMENT, strict: true });
  assert.equal(strict[0].severity, "error");
});
