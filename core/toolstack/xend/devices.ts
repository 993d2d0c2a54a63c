/** A domain's devices as XenStore shows them, and changes of their states as events. */
import { domainPath, toBytes, type XenStoreService } from "../../dom0/mod.ts";
import type { DomainInspection } from "../api/figures.ts";
import type { DeviceRecord } from "../api/types.ts";
import type { EventHub } from "./event_hub.ts";

const KINDS = ["vbd", "vif"] as const;
/** Where each kind of frontend says which frames its rings are in. */
const RING_REFS = { vbd: ["ring-ref"], vif: ["tx-ring-ref", "rx-ring-ref"] } as const;

/** A guest may have written anything there; -1: no number, as xl shows what is not there yet. */
function number(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : -1;
}

export function deviceRecords(xenstore: XenStoreService, domid: number): DeviceRecord[] {
  const home = domainPath(domid);
  const records: DeviceRecord[] = [];
  for (const kind of KINDS) {
    for (const name of xenstore.list(`${home}/device/${kind}`) ?? []) {
      const devid = number(name);
      if (devid < 0) continue;
      const front = `${home}/device/${kind}/${name}`;
      const backendPath = xenstore.read(`${front}/backend`) ?? "";
      records.push({
        kind,
        devid,
        backendDomid: Math.max(0, number(xenstore.read(`${front}/backend-id`))),
        state: Math.max(0, number(xenstore.read(`${front}/state`))),
        eventChannel: number(xenstore.read(`${front}/event-channel`)),
        ringRefs: RING_REFS[kind].map((key) => number(xenstore.read(`${front}/${key}`))),
        backendPath,
        mac: kind === "vif" ? xenstore.read(`${front}/mac`) : undefined,
      });
    }
  }
  return records;
}

/** Values and keys of a device's directory; longer trees than any device has are cut off. */
const MOST_NODES = 100;

/** Everything below a path, by the rest of the path. */
function nodesBelow(xenstore: XenStoreService, path: string): Record<string, string> {
  const nodes: [string, string][] = [];
  const visit = (at: string, prefix: string) => {
    for (const name of xenstore.list(at) ?? []) {
      if (nodes.length >= MOST_NODES) return;
      const value = xenstore.read(`${at}/${name}`) ?? "";
      const below = xenstore.list(`${at}/${name}`) ?? [];
      if (below.length === 0 || value !== "") nodes.push([`${prefix}${name}`, decodeText(value)]);
      visit(`${at}/${name}`, `${prefix}${name}/`);
    }
  };
  visit(path, "");
  return Object.fromEntries(nodes);
}

/** XenStore's values are bytes, as characters below 256. */
function decodeText(value: string): string {
  return new TextDecoder().decode(toBytes(value));
}

/** A backend is at its place below /local/domain; a guest may have written any path. */
const BACKEND_PATH = /^\/local\/domain\/\d+\/backend\/[\w-]+\/\d+\/\d+$/;

/** The records with what XenStore has of both ends. */
export function inspectDevices(xenstore: XenStoreService, domid: number): DomainInspection["devices"] {
  return deviceRecords(xenstore, domid).map((record) => ({
    ...record,
    frontend: nodesBelow(xenstore, `${domainPath(domid)}/device/${record.kind}/${record.devid}`),
    backend: BACKEND_PATH.test(record.backendPath) ? nodesBelow(xenstore, record.backendPath) : {},
  }));
}

const STATE = /^\/local\/domain\/(\d+)\/device\/[^/]+\/\d+\/state$/;

/** Tells of each change of a frontend's state. @returns what ends it */
export function watchDevices(xenstore: XenStoreService, events: EventHub): () => void {
  return xenstore.watch("/local/domain", (path) => {
    const [match, domid] = STATE.exec(path) ?? [];
    if (match === undefined) return;
    const state = number(xenstore.read(path));
    if (state >= 0) events.emit({ type: "device", at: Date.now(), domid: Number(domid), path, state });
  });
}
