/**
 * Holds every structure of this folder against the C headers: a generated C program prints sizeof and offsetof, gcc compiles it.
 * The headers come from libxen-dev; XEN_INCLUDE_DIR names the directory that holds `xen/xen.h` (default: the system's).
 */
import assert from "node:assert/strict";
import * as callback from "./callback.ts";
import { CStruct, type Fields } from "./cstruct.ts";
import * as errno from "./errno.ts";
import * as evtchn from "./event_channel.ts";
import * as gnttab from "./grant_table.ts";
import * as numbers from "./hypercall_numbers.ts";
import * as memory from "./memory.ts";
import * as physdev from "./physdev.ts";
import * as sched from "./sched.ts";
import * as vcpu from "./vcpu.ts";
import * as version from "./version.ts";
import * as xen from "./xen.ts";

const modules = { callback, evtchn, gnttab, memory, physdev, sched, vcpu, version, xen };

const structures = Object.values(modules).flatMap((module) => Object.values(module))
  .filter((value): value is CStruct<Fields> => value instanceof CStruct);

const HEADERS = [
  "xen",
  "callback",
  "errno",
  "event_channel",
  "features",
  "grant_table",
  "memory",
  "nmi",
  "physdev",
  "sched",
  "vcpu",
  "version",
];

/** Names that our declarations give to what C leaves without a name of its own, or calls otherwise. */
const C_PATHS: Record<string, string> = { "vcpu_register_runstate_memory_area.addr": "addr.p" };

interface Check {
  what: string;
  c: string;
  ours: number;
}

function checks(): Check[] {
  const out: Check[] = [];
  for (const s of structures) {
    const layout = s.layout(64);
    out.push({ what: `sizeof ${s.name}`, c: `sizeof(struct ${s.name})`, ours: layout.size });
    for (const [path, placed] of layout.fields) {
      const c = C_PATHS[`${s.name}.${path}`] ?? path;
      out.push({
        what: `${s.name}.${path}`,
        c: `__builtin_offsetof(struct ${s.name}, ${c})`,
        ours: placed.offset,
      });
      out.push({
        what: `sizeof ${s.name}.${path}`,
        c: `sizeof(((struct ${s.name} *)0)->${c})`,
        ours: placed.size,
      });
    }
  }
  // Those two stay inside Xen; the header shows them to nobody else.
  for (const [name, value] of Object.entries(errno)) {
    if (name !== "EINTR" && name !== "ERESTART") out.push({ what: name, c: `XEN_${name}`, ours: value });
  }
  const families: [Record<string, number>, string][] = [
    [numbers.HYPERVISOR, "__HYPERVISOR_"],
    [numbers.VIRQ, "VIRQ_"],
    [numbers.MMUEXT, "MMUEXT_"],
    [numbers.VMASST_TYPE, "VMASST_TYPE_"],
    [evtchn.EVTCHNOP, "EVTCHNOP_"],
    [gnttab.GNTTABOP, "GNTTABOP_"],
    [gnttab.GNTST, "GNTST_"],
    [memory.XENMEM, "XENMEM_"],
    [physdev.PHYSDEVOP, "PHYSDEVOP_"],
    [sched.SCHEDOP, "SCHEDOP_"],
    [sched.SHUTDOWN, "SHUTDOWN_"],
    [vcpu.VCPUOP, "VCPUOP_"],
    [version.XENVER, "XENVER_"],
    [version.XENFEAT, "XENFEAT_"],
    [callback.CALLBACKTYPE, "CALLBACKTYPE_"],
  ];
  for (const [values, prefix] of families) {
    for (const [name, value] of Object.entries(values)) {
      out.push({ what: prefix + name, c: prefix + name, ours: value });
    }
  }
  // Plain constants that carry C's own names; the rest are ours and listed here.
  const ours = new Set([
    "TI_DPL_MASK",
    "TI_IF",
    "HYPERVISOR_VIRT_START_HI",
    "HYPERVISOR_VIRT_END_HI",
    "MACH2PHYS_VIRT_START_HI",
    "MACH2PHYS_VIRT_END_HI",
    "ROOT_PAGETABLE_FIRST_XEN_SLOT",
    "ROOT_PAGETABLE_LAST_XEN_SLOT",
    "E820_ENTRY_BYTES",
    "E820_RAM",
    "MEMOP_EXTENT_SHIFT",
    "MEMOP_CMD_MASK",
    "MMU_UPDATE_PREEMPTED",
    "HYPERCALL_STUB_BYTES",
    "EVTCHN_2L_NR_CHANNELS",
    "GNTMAP_guest_avail0",
    "XEN_COMMANDLINE_LEN",
    "MAX_GUEST_CMDLINE",
  ]);
  for (const module of [...Object.values(modules), numbers]) {
    for (const [name, value] of Object.entries(module)) {
      if (typeof value === "number" && !ours.has(name)) out.push({ what: name, c: name, ours: value });
    }
  }
  return out;
}

const probe = () => {
  try {
    return new Deno.Command("gcc", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

const includeDir = () => {
  for (const dir of [Deno.env.get("XEN_INCLUDE_DIR"), "/usr/include"]) {
    if (!dir) continue;
    try {
      Deno.statSync(`${dir}/xen/xen.h`);
      return dir;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
};

Deno.test("public structures and numbers agree with the C headers", async (t) => {
  const dir = includeDir();
  const missing = !probe() ? "no gcc" : !dir ? "no xen/xen.h (libxen-dev): set XEN_INCLUDE_DIR" : "";
  await t.step({
    name: missing ? `skipped: ${missing}` : `with ${structures.length} structures`,
    ignore: missing !== "",
    async fn() {
      const all = checks();
      const program = [
        "#define __XEN_INTERFACE_VERSION__ 0x00041100",
        "#define __XEN_TOOLS__ 1",
        "#include <stdint.h>",
        "#include <stdio.h>",
        ...HEADERS.map((h) => `#include <xen/${h}.h>`),
        // A call by memory area is one structure in C too, with a union of pointer kinds that we flatten.
        "int main(void) {",
        ...all.map((check) => `  printf("%lld\\n", (long long)(${check.c}));`),
        "  return 0;",
        "}",
      ].join("\n");
      const tmp = await Deno.makeTempDir();
      try {
        await Deno.writeTextFile(`${tmp}/abi.c`, program);
        const gcc = await new Deno.Command("gcc", {
          args: ["-w", "-I", dir!, "-o", `${tmp}/abi`, `${tmp}/abi.c`],
          stderr: "piped",
        }).output();
        assert.ok(gcc.success, new TextDecoder().decode(gcc.stderr));
        const run = await new Deno.Command(`${tmp}/abi`, { stdout: "piped" }).output();
        const theirs = new TextDecoder().decode(run.stdout).trim().split("\n").map(Number);
        const wrong = all.flatMap((check, i) =>
          check.ours === theirs[i] ? [] : [`${check.what}: ours ${check.ours}, C ${theirs[i]}`]
        );
        assert.deepEqual(wrong, []);
      } finally {
        await Deno.remove(tmp, { recursive: true });
      }
    },
  });
});
