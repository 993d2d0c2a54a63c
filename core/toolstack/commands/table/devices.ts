import type { CommandSpec, OptionSpec } from "../spec.ts";
import { DOMAIN } from "./arguments.ts";

const group = "devices";

const FORCE: OptionSpec = {
  short: "f",
  long: "force",
  summary: "at once, without asking the guest: what it has not written yet is lost",
};

export const DEVICES: readonly CommandSpec[] = [
  {
    name: "block-list",
    group,
    summary: "list block devices",
    arguments: [{ ...DOMAIN, many: true }],
    options: [],
    examples: [{ line: "block-list guest", does: "with their backends' paths in XenStore" }],
    printsJson: true,
    load: async () => (await import("../run/devices.ts")).blockList,
  },
  {
    name: "block-attach",
    group,
    summary: "attach a disk to a running domain",
    description:
      "The words after the domain make one specification, as in a configuration's disk list: FILE,raw,VDEV,ACCESS or key=value. " +
      "xm's BACKDEV FRONTDEV MODE [BACKDOMAIN] will do, too. Relative paths are relative to the working directory.",
    arguments: [
      DOMAIN,
      { name: "specification", kind: "file", many: true, summary: "what to show, as what, and how" },
    ],
    options: [],
    examples: [
      { line: "block-attach guest data.img,raw,xvdb,rw", does: "a file, which the guest calls xvdb" },
      { line: "block-attach guest phy:/dev/vg/data xvdb r", does: "as xm has it; read-only" },
      { line: "block-attach guest vdev=xvdc cdrom target=debian.iso", does: "a CD-ROM" },
    ],
    printsJson: true,
    dryRun: true,
    load: async () => (await import("../run/attach.ts")).blockAttach,
  },
  {
    name: "block-detach",
    group,
    summary: "detach a disk from a running domain",
    description:
      "The guest is asked to let it go, and has ten seconds. Unmount it there first: some kernels refuse, others lose what they had not written.",
    arguments: [DOMAIN, { name: "device", kind: "text", summary: "its name (xvdb) or number (51728)" }],
    options: [FORCE],
    examples: [
      { line: "block-detach guest xvdb", does: "once the guest has let it go" },
      { line: "block-detach -f guest xvdb", does: "whatever the guest does with it" },
    ],
    load: async () => (await import("../run/attach.ts")).blockDetach,
  },
  {
    name: "network-list",
    group,
    summary: "list network devices",
    arguments: [{ ...DOMAIN, many: true }],
    options: [],
    examples: [{ line: "network-list guest", does: "with their MAC addresses" }],
    printsJson: true,
    load: async () => (await import("../run/devices.ts")).networkList,
  },
  {
    name: "network-attach",
    group,
    summary: "attach a network interface to a running domain",
    description:
      "The settings are those of a configuration's vif list; without devid it takes the lowest free number.",
    arguments: [
      DOMAIN,
      {
        name: "key=value",
        kind: "setting",
        optional: true,
        many: true,
        summary: "mac, bridge, rate and others",
      },
    ],
    options: [],
    examples: [
      { line: "network-attach guest", does: "with an address that is made up" },
      { line: "network-attach guest bridge=lan mac=00:16:3e:00:00:01", does: "on that bridge" },
    ],
    printsJson: true,
    dryRun: true,
    load: async () => (await import("../run/attach.ts")).networkAttach,
  },
  {
    name: "network-detach",
    group,
    summary: "detach a network interface from a running domain",
    arguments: [DOMAIN, { name: "device", kind: "text", summary: "its number or its MAC address" }],
    options: [{ ...FORCE, summary: "at once, without asking the guest" }],
    examples: [{ line: "network-detach guest 0", does: "its first one" }],
    load: async () => (await import("../run/attach.ts")).networkDetach,
  },
];
