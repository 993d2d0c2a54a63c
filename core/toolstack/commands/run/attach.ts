/** `block-attach`, `block-detach`, `network-attach` and `network-detach`, in xl's ways and in xm's. */
import { XendFailure } from "../../api/client.ts";
import type { DeviceKind } from "../../api/types.ts";
import { diskNumber } from "../../config/devices/served.ts";
import type { Context, Xend } from "../context.ts";
import { CommandError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";
import { about, domainOf, json } from "./domains.ts";

/** Does something to a domain; where it fails xl ends with the name of its function that did. */
async function doing<T>(
  xend: Xend,
  { dialect }: Context,
  id: string,
  libxl: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await about(xend, id, action);
  } catch (error) {
    const isAtFault = error instanceof XendFailure && error.code === "bad-config";
    if (dialect !== "xl" || !(error instanceof XendFailure) || isAtFault) throw error;
    throw new CommandError(`${error.message}\n${libxl} failed.`, "failed", { cause: error });
  }
}

/** xm's MODE; with ! it did not mind who else has the disk, which xend does. */
const MODE = /^(r|w|ro|rw)!?$/;

/**
 * A disk's specification from a command's words: with commas between them, as xl joins them, or xm's BACKDEV FRONTDEV MODE [BACKDOMAIN].
 *
 *     diskSpecification(["phy:/dev/vg/a", "xvdb", "w"]) === "phy:/dev/vg/a,xvdb,w"
 */
export function diskSpecification(words: readonly string[]): string {
  const [backDevice, frontDevice, mode = "", backDomain] = words;
  const [, access] = MODE.exec(mode) ?? [];
  // What stands third in xl's FILE FORMAT VDEV ACCESS is never a mode.
  if (access === undefined || words.length > 4) return words.join(",");
  const format = /^[a-z][a-z0-9]*:/.test(backDevice) ? [] : ["raw"];
  const backend = backDomain === undefined
    ? []
    : [backDomain.includes("=") ? backDomain : `backend=${backDomain}`];
  return [backDevice, ...format, frontDevice, access, ...backend].join(",");
}

/** xl's -N: prints what the specification says. @throws SpecificationError */
async function dryRun(kind: DeviceKind, spec: string, context: Context): Promise<number> {
  const [{ parseDisk, parseVif }, { plannedDevices }, { yajl }] = await Promise.all([
    import("../../config/mod.ts"),
    import("../../format/configured_devices.ts"),
    import("../../format/domain_config.ts"),
  ]);
  if (kind === "vbd") {
    const [disk] = plannedDevices({ disk: [parseDisk(spec)] }).disks;
    context.print(`disk: ${yajl(disk)}\n`);
  } else {
    const { devid, ...vif } = parseVif(spec, -1);
    const [nic] = plannedDevices({ vif: [devid < 0 ? vif : { ...vif, devid }] }).nics;
    context.print(`vif: ${yajl(nic)}\n`);
  }
  return 0;
}

async function attach(
  invocation: Invocation,
  context: Context,
  kind: DeviceKind,
  spec: string,
  libxl: string,
): Promise<number> {
  if (invocation.has("dryrun")) return await dryRun(kind, spec, context);
  const [id] = invocation.words;
  const xend = await context.xend();
  const request = { kind, spec, directory: context.directory };
  const record = await doing(xend, context, id, libxl, () => xend.attachDevice(id, request));
  if (invocation.json) context.print(json(record));
  return 0;
}

export const blockAttach: Runner = (invocation, context) => {
  const spec = diskSpecification(invocation.words.slice(1));
  return attach(invocation, context, "vbd", spec, "libxl_device_disk_add");
};

export const networkAttach: Runner = (invocation, context) => {
  const settings = invocation.words.slice(1);
  return attach(invocation, context, "vif", settings.join(","), "libxl_device_nic_add");
};

/** @param unknown xl's words for a device that is not there */
async function detach(
  invocation: Invocation,
  context: Context,
  xend: Xend,
  kind: DeviceKind,
  devid: number,
  unknown: string,
): Promise<number> {
  const [id] = invocation.words;
  const libxl = kind === "vbd" ? "libxl_device_disk_safe_remove" : "libxl_device_nic_del";
  await doing(xend, context, id, libxl, async () => {
    try {
      await xend.detachDevice(id, kind, devid, invocation.has("force"));
    } catch (error) {
      const isMissing = error instanceof XendFailure && error.code === "no-such-device";
      if (!isMissing || context.dialect !== "xl") throw error;
      throw new CommandError(unknown, "failed", { cause: error });
    }
  });
  return 0;
}

export const blockDetach: Runner = async (invocation, context) => {
  const [, device] = invocation.words;
  const unknown = `Error: Device ${device} not connected.`;
  const devid = diskNumber(device.replace(/^\/dev\//, ""));
  if (devid === undefined) {
    if (context.dialect === "xl") throw new CommandError(unknown);
    throw new CommandError(
      `expected a disk's name such as xvdb, or its number; found ${JSON.stringify(device)}`,
      "usage",
    );
  }
  return await detach(invocation, context, await context.xend(), "vbd", devid, unknown);
};

const MAC = /^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i;

const bytesOf = (mac: string) => mac.split(":").map((byte) => parseInt(byte, 16)).join();

/** The number of an interface that a number or a MAC address names. @throws CommandError, UnknownDomain */
async function vifNumber(xend: Xend, id: string, device: string): Promise<number> {
  if (/^\d{1,5}$/.test(device)) return Number(device);
  if (!MAC.test(device)) {
    throw new CommandError(
      `expected an interface's number or its MAC address; found ${JSON.stringify(device)}`,
      "usage",
    );
  }
  const { devices } = await domainOf(xend, id);
  const found = devices.find(({ kind, mac }) =>
    kind === "vif" && mac !== undefined && bytesOf(mac) === bytesOf(device)
  );
  if (found === undefined) throw new CommandError(`Unknown device ${device}.`);
  return found.devid;
}

export const networkDetach: Runner = async (invocation, context) => {
  const [id, device] = invocation.words;
  const xend = await context.xend();
  const devid = await vifNumber(xend, id, device);
  return await detach(invocation, context, xend, "vif", devid, `Unknown device ${device}.`);
};
