/** Attaching devices to running domains (whoever calls holds the entry's lock), and detaching them. @throws XendError */
import { type DeviceDescription, domainPath } from "../../dom0/mod.ts";
import type { AttachRequest, DeviceKind, DeviceRecord, ErrorCode } from "../api/types.ts";
import { diskNumber } from "../config/devices/served.ts";
import { vdevName } from "../format/vdev.ts";
import { DeviceError, type DomainDevices } from "../host.ts";
import { describeDevice, deviceNumber } from "./device_source.ts";
import type { DomainEntry } from "./domain_entry.ts";
import { XendError } from "./errors.ts";

/** A domain's devices as XenStore has them. */
export type DeviceRecords = (domid: number) => readonly DeviceRecord[];

/** As xm had it: `xvda (51712, vbd)`. */
export function deviceName(kind: DeviceKind, devid: number): string {
  return kind === "vbd" ? `${vdevName(devid)} (${devid}, vbd)` : `${devid} (vif)`;
}

/** xm's ways to name a device: a number, or a disk's name. @throws XendError bad-request */
export function parseDeviceNumber(kind: DeviceKind, text: string): number {
  const number = kind === "vbd" ? diskNumber(text) : /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  if (number !== undefined) return number;
  throw new XendError("bad-request", `${JSON.stringify(text)} names no ${kind}`);
}

const CODES: Readonly<Record<DeviceError["code"], ErrorCode>> = {
  exists: "name-exists",
  missing: "no-such-device",
  busy: "busy",
  image: "bad-image",
  unsupported: "not-supported",
};

/** What Domain-0's backends refuse, as xend says it; in their own words unless others are given. */
export function refusal(error: DeviceError, message = error.message): XendError {
  return new XendError(CODES[error.code], message, { cause: error });
}

function deviceFailure(error: unknown, kind: DeviceKind, devid: number): unknown {
  if (error instanceof RangeError) return new XendError("bad-config", error.message, { cause: error });
  if (!(error instanceof DeviceError)) return error;
  const name = deviceName(kind, devid);
  switch (error.code) {
    case "exists":
      return refusal(error, `Device ${name} is already connected.`);
    case "missing":
      return refusal(error, `Device ${name} is not connected.`);
    case "busy":
      return refusal(error, `${error.message}; with --force it is taken away all the same`);
    default:
      return refusal(error);
  }
}

function served(entry: DomainEntry): DomainDevices {
  const { devices } = entry.running.domain;
  if (devices !== undefined) return devices;
  throw new XendError("not-supported", "this host has no backends: devices cannot be attached or detached");
}

/** The lowest number that neither XenStore nor the backends have an interface of. */
function freeVif(records: readonly DeviceRecord[], devices: DomainDevices): number {
  const taken = new Set(records.filter(({ kind }) => kind === "vif").map(({ devid }) => devid));
  let devid = 0;
  while (taken.has(devid) || devices.vif(devid) !== undefined) devid++;
  return devid;
}

/** As its nodes are when it has just been made; a guest may have removed its own end already. */
function newRecord(domid: number, device: DeviceDescription): DeviceRecord {
  const { kind } = device;
  const devid = deviceNumber(device);
  return {
    kind,
    devid,
    backendDomid: 0,
    state: 1,
    eventChannel: -1,
    ringRefs: kind === "vbd" ? [-1] : [-1, -1],
    backendPath: `${domainPath(0)}/backend/${kind}/${domid}/${devid}`,
    ...(device.kind === "vif" ? { mac: device.mac } : {}),
  };
}

export async function attachDevice(
  entry: DomainEntry,
  { kind, spec, directory }: AttachRequest,
  recordsOf: DeviceRecords,
): Promise<DeviceRecord> {
  const devices = served(entry);
  const { domid } = entry.running.domain;
  const device = describeDevice(kind, spec, directory, freeVif(recordsOf(domid), devices));
  const devid = deviceNumber(device);
  try {
    await devices.attach(device);
  } catch (error) {
    throw deviceFailure(error, kind, devid);
  }
  entry.devices = [...entry.devices ?? [], device];
  return recordsOf(domid).find((record) => record.kind === kind && record.devid === devid) ??
    newRecord(domid, device);
}

export async function detachDevice(
  entry: DomainEntry,
  kind: DeviceKind,
  devid: number,
  force: boolean,
): Promise<void> {
  try {
    await served(entry).detach(kind, devid, force);
  } catch (error) {
    throw deviceFailure(error, kind, devid);
  }
  entry.devices = entry.devices?.filter((device) => device.kind !== kind || deviceNumber(device) !== devid);
}
