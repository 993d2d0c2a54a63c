import assert from "node:assert/strict";
import { join } from "node:path";
import { makeElf, XEN_ELFNOTE } from "../../builder/mod.ts";
import type { Terminal } from "../console/terminal.ts";
import { DeviceError, type DomainEnd, type DomainSpec, type RunningDomain, type XenHost } from "../host.ts";
import { create, type CreateOptions, type World } from "./create.ts";
import { demo } from "./demo.ts";
import { isUserError } from "./errors.ts";

const notes = [
  { type: XEN_ELFNOTE.LOADER, desc: "generic" },
  { type: XEN_ELFNOTE.XEN_VERSION, desc: "xen-3.0" },
];
const kernelFile = makeElf({ segments: [{ paddr: 0n, data: new Uint8Array(100) }], notes });

/** A guest in a few words: what it does with its console. */
interface Script {
  start?(guest: FakeDomain): void;
  input?(guest: FakeDomain, text: string): void;
}

class FakeDomain implements RunningDomain {
  readonly domid = 1;
  readonly #end = Promise.withResolvers<DomainEnd>();
  readonly ended = this.#end.promise;
  readonly consoleBacklog = 0;
  destroyed = 0;
  received = "";

  constructor(readonly spec: DomainSpec, readonly script: Script) {}

  unpause(): void {
    this.script.start?.(this);
  }

  info(): never {
    throw new Error("create asks for no figures");
  }

  consoleInput(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    this.received += text;
    this.script.input?.(this, text);
  }

  print(text: string): void {
    this.spec.consoleOutput(new TextEncoder().encode(text));
  }

  end(reason: DomainEnd["reason"], registerDump?: string): void {
    this.#end.resolve({ reason, registerDump });
  }

  destroy(): Promise<void> {
    this.destroyed++;
    return Promise.resolve();
  }
}

interface FakeWorld extends World {
  readonly domains: FakeDomain[];
  readonly said: string[];
  readonly printed: () => string;
  readonly raw: boolean[];
  readonly stopped: () => boolean;
}

function fakeWorld(script: Script, interactive = false, typed: readonly string[] = []): FakeWorld {
  const domains: FakeDomain[] = [];
  const said: string[] = [];
  const raw: boolean[] = [];
  let printed = "";
  let stopped = false;
  const terminal: Terminal = {
    interactive,
    size: () => interactive ? { columns: 100, rows: 30 } : undefined,
    async *input() {
      for (const text of typed) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield new TextEncoder().encode(text);
      }
    },
    write: (bytes) => {
      printed += new TextDecoder().decode(bytes);
    },
    setRaw: (value) => raw.push(value),
  };
  const host: XenHost = {
    createDomain(spec) {
      const domain = new FakeDomain(spec, script);
      domains.push(domain);
      return Promise.resolve(domain);
    },
    stop() {
      stopped = true;
      return Promise.resolve();
    },
  };
  return {
    domains,
    said,
    raw,
    printed: () => printed,
    stopped: () => stopped,
    terminal,
    say: (line) => said.push(line),
    apt: { cache: "/nonexistent", progress() {}, run: () => Promise.resolve(undefined) },
    builtinGuest: (name) => name === "echo" ? kernelFile : undefined,
    startHost: () => Promise.resolve(host),
  };
}

async function inFolder(
  test: (file: (name: string, content: string | Uint8Array) => string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  try {
    await test((name, content) => {
      const path = join(folder, name);
      Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      return path;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const options = { overrides: [], console: true, dryRun: false, quiet: true };

/** Creates a domain with a good kernel; gives the exit code. */
async function run(world: World, config = "", more: Partial<CreateOptions> = {}): Promise<number> {
  let code = -1;
  await inFolder(async (file) => {
    const kernel = file("kernel", kernelFile);
    const path = file("guest.cfg", `name="guest"\nkernel="${kernel}"\nmemory=16\n${config}`);
    code = await create({ ...options, ...more, file: path }, world);
  });
  return code;
}

Deno.test("a pipeline: input reaches the guest, output comes out, the command ends with the domain", async () => {
  const world = fakeWorld(
    {
      start: (guest) => guest.print("> "),
      input(guest, text) {
        guest.print(text.toUpperCase());
        if (text.includes("halt")) guest.end("poweroff");
      },
    },
    false,
    ["help\n", "\x1d is a key like others\n", "halt\n"],
  );
  assert.equal(await run(world), 0);
  assert.equal(world.printed(), "> HELP\n\x1d IS A KEY LIKE OTHERS\nHALT\n");
  assert.equal(world.domains.length, 1);
  assert.equal(world.domains[0].destroyed, 1);
  assert.deepEqual(world.raw, []);
  assert.ok(world.stopped());
});

Deno.test("each end of a domain has its exit code", async () => {
  const cases: [DomainEnd["reason"], number][] = [["poweroff", 0], ["crash", 3], ["watchdog", 3], [
    "suspend",
    5,
  ]];
  for (const [reason, code] of cases) {
    const world = fakeWorld({
      start: (guest) => guest.end(reason, reason === "crash" ? "rip 0" : undefined),
    });
    assert.equal(await run(world), code, reason);
    assert.deepEqual(world.said, reason === "crash" ? ["rip 0"] : []);
  }
  const world = fakeWorld({ start: (guest) => guest.end("reboot") });
  assert.equal(await run(world, 'on_reboot="destroy"'), 4);
});

Deno.test("a domain that reboots is started again, unless it does so at once", async () => {
  let boots = 0;
  const world = fakeWorld({
    start(guest) {
      boots++;
      if (boots === 1) setTimeout(() => guest.end("reboot"), 1050);
      else guest.end("reboot");
    },
  });
  assert.equal(await run(world, "", { quiet: false }), 4);
  assert.equal(boots, 2);
  assert.deepEqual(world.domains.map(({ destroyed }) => destroyed), [1, 1]);
  assert.match(world.said.join("\n"), /rebooted; starting it again[\s\S]*not starting it again/);
});

Deno.test("on a terminal ^] leaves, the terminal comes back and the domain is destroyed", async () => {
  const world = fakeWorld({}, true, ["ls\r", "x\x1dy"]);
  assert.equal(await run(world, "", { quiet: false }), 0);
  assert.equal(world.domains[0].received, "ls\rx");
  assert.equal(world.domains[0].destroyed, 1);
  assert.equal(world.raw[0], true);
  assert.equal(world.raw.at(-1), false);
  assert.match(world.said.join("\n"), /\^\] leaves[\s\S]*left the console of guest; .* destroyed/);
});

Deno.test("a host that refuses the domain leaves the terminal as it was", async () => {
  const world = fakeWorld({}, true);
  const failing = {
    ...world,
    startHost: () =>
      Promise.resolve<XenHost>({
        createDomain: () => Promise.reject(new Error("no room")),
        stop: () => Promise.resolve(),
      }),
  };
  await assert.rejects(run(failing), /no room/);
  assert.equal(world.raw.at(-1), false);
});

Deno.test("a closed standard output ends the domain", async () => {
  const world = fakeWorld({ start: (guest) => guest.print("hello") });
  const terminal: Terminal = {
    ...world.terminal,
    write: () => {
      throw new Error("closed");
    },
  };
  await assert.rejects(run({ ...world, terminal }), /closed/);
  assert.equal(world.domains[0].destroyed, 1);
});

Deno.test("without -c the console is not shown", async () => {
  const world = fakeWorld({
    start(guest) {
      guest.print("secret");
      guest.end("poweroff");
    },
  });
  assert.equal(await run(world, "", { console: false }), 0);
  assert.equal(world.printed(), "");
});

Deno.test("the domain gets its configuration's devices; what cannot be served is told", async () => {
  const world = fakeWorld({ start: (guest) => guest.end("poweroff") });
  assert.equal(await run(world, "disk=['a.img,raw,xvda,r']\nvif=['mac=00:16:3e:00:00:01']"), 0);
  const [disk, net] = world.domains[0].spec.devices ?? [];
  // Relative to the configuration.
  assert.match(disk.kind === "vbd" ? disk.target : "", /^\/.*\/a\.img$/);
  assert.equal(net.kind === "vif" && net.mac, "00:16:3e:00:00:01");
  await assert.rejects(run(fakeWorld({}), "disk=['a.img,qcow2,xvda']"), /only raw images are served yet/);
  const without: World = {
    ...fakeWorld({}),
    startHost: () =>
      Promise.resolve({
        createDomain: () => Promise.reject(new DeviceError("image", "disk xvda: /a.img: No such file")),
        stop: () => Promise.resolve(),
      }),
  };
  await assert.rejects(run(without, "disk=['/a.img,raw,xvda,r']"), (error) => {
    assert.ok(isUserError(error), String(error));
    assert.equal(error.message, "disk xvda: /a.img: No such file");
    return true;
  });
});

Deno.test("a dry run checks and prints, and creates nothing", async () => {
  const world = fakeWorld({});
  assert.equal(await run(world, 'extra="a b"', { dryRun: true }), 0);
  assert.match(world.printed(), /name +: guest\n/);
  assert.match(world.printed(), /command line : "a b"/);
  assert.equal(world.domains.length, 0);
  const json = fakeWorld({});
  assert.equal(await run(json, 'extra="a b"', { dryRun: true, format: "json" }), 0);
  const { effective, modes } = JSON.parse(json.printed());
  assert.deepEqual([effective.name, effective.cmdline, modes], ["guest", "a b", ["64-bit PV"]]);
  const xl = fakeWorld({});
  assert.equal(await run(xl, 'extra="a b"', { dryRun: true, format: "xl" }), 0);
  const { c_info, b_info } = JSON.parse(xl.printed());
  assert.deepEqual([c_info.name, b_info.cmdline, b_info.max_vcpus], ["guest", "a b", undefined]);
});

Deno.test("bad input is told in the user's words, before a host is started", async () => {
  const started: string[] = [];
  const world: World = {
    ...fakeWorld({}),
    startHost: () => {
      started.push("host");
      return Promise.reject(new Error("started"));
    },
  };
  await inFolder(async (file) => {
    const pvh = makeElf({
      width: 32,
      segments: [{ paddr: 0n, data: new Uint8Array(9) }],
      notes: [{ type: XEN_ELFNOTE.PHYS32_ENTRY, desc: 0n }],
    });
    const pae = makeElf({
      width: 32,
      segments: [{ paddr: 0n, data: new Uint8Array(9) }],
      notes: [...notes, { type: XEN_ELFNOTE.PAE_MODE, desc: "yes" }],
    });
    const cases: [string, RegExp][] = [
      [`kernel="${file("script", "#!/bin/sh\n")}"`, /kernel .*script: this is a script/],
      [`kernel="${file("cut", kernelFile.slice(0, 90))}"`, /truncated/],
      [`kernel="${file("pvh", pvh)}"`, /PVH only/],
      [`kernel="${file("pae", pae)}"`, /32-bit PV \(PAE\) kernel; only 64-bit PV runs today/],
      [`kernel="${file("k", kernelFile)}"\nmemory=2`, /at least 4 MiB/],
      [
        `kernel="${file("k", kernelFile)}"\nramdisk="/no/where"`,
        /ramdisk \/no\/where: there is no such file/,
      ],
      ['kernel="builtin:nothing"', /no built-in guest "nothing"/],
      ['kernel="apt:nothing"', /expected apt:PACKAGE:PATH/],
      ['kernel="apt:grub-xen:/usr/x"', /apt-get/],
      [`kernel="${file("k", kernelFile)}"\nmemory="x"`, /guest.cfg:3:8: memory: expected a number/],
      ["kernel=1 2", /guest.cfg:2:10: expected the end of the line/],
    ];
    for (const [config, message] of cases) {
      const path = file("guest.cfg", `name="g"\n${config}\n`);
      await assert.rejects(create({ ...options, file: path }, world), (error) => {
        assert.ok(isUserError(error), String(error));
        assert.match(error.message, message);
        return true;
      });
    }
    for (const path of ["/no/such.cfg", "/", file("binary.cfg", Uint8Array.of(0xff, 0xfe, 0))]) {
      await assert.rejects(create({ ...options, file: path }, world), (error) => isUserError(error));
    }
  });
  assert.deepEqual(started, []);
});

Deno.test("the demo falls back to the built-in guest where Linux cannot be fetched, and says why", async () => {
  const script = { start: (guest: FakeDomain) => guest.end("poweroff") };
  const world = fakeWorld(script);
  assert.equal(await demo(undefined, false, world), 0);
  assert.equal(world.domains[0].spec.name, "builtin");
  assert.match(world.said.join("\n"), /apt-get[\s\S]*built-in guest instead of Debian's Linux/);
  await assert.rejects(demo("grub", false, fakeWorld(script)), (error) => isUserError(error));
});
