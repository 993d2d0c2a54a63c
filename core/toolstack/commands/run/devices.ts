/** `block-list` and `network-list`; what changes devices is in attach.ts. */
import type { DeviceRecord } from "../../api/types.ts";
import {
  XL_BLOCK_HEADER,
  XL_NETWORK_HEADER,
  xlBlockRows,
  xlNetworkRows,
  XM_BLOCK_HEADER,
  XM_NETWORK_HEADER,
  xmBlockRows,
  xmNetworkRows,
} from "../../format/devices.ts";
import { UnknownDomain } from "../errors.ts";
import type { Runner } from "../spec.ts";
import { domainOf, json } from "./domains.ts";

interface Table {
  readonly header: string;
  readonly rows: (devices: readonly DeviceRecord[]) => string;
}

function lister(kind: DeviceRecord["kind"], xl: Table, xm: Table): Runner {
  return async ({ words, json: asJson }, context) => {
    const xend = await context.xend();
    const isXl = context.dialect === "xl";
    const table = isXl ? xl : xm;
    const found: DeviceRecord[] = [];
    const missing: string[] = [];
    for (const id of words) {
      try {
        found.push(...(await domainOf(xend, id)).devices.filter((device) => device.kind === kind));
      } catch (error) {
        // xl tells of it, goes on with the next one and ends well.
        if (!isXl || !(error instanceof UnknownDomain)) throw error;
        missing.push(id);
      }
    }
    if (asJson) context.print(json(found));
    // xm prints no header over nothing.
    else if (isXl || found.length > 0) context.print(`${table.header}\n${table.rows(found)}`);
    for (const id of missing) context.say(`${id} is an invalid domain identifier`);
    return 0;
  };
}

export const blockList = lister(
  "vbd",
  { header: XL_BLOCK_HEADER, rows: xlBlockRows },
  { header: XM_BLOCK_HEADER, rows: xmBlockRows },
);

export const networkList = lister(
  "vif",
  { header: XL_NETWORK_HEADER, rows: xlNetworkRows },
  { header: XM_NETWORK_HEADER, rows: xmNetworkRows },
);
