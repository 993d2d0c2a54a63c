/** `block-list` and `network-list` (xl_block.c, xl_nic.c; xm's main.py). */
import type { DeviceRecord } from "../api/types.ts";
import { left, right } from "./text.ts";

const ring = (device: DeviceRecord, index: number) => device.ringRefs[index] ?? -1;

export const XL_BLOCK_HEADER = `${left("Vdev", 5)} ${left("BE", 3)} ${left("handle", 6)} ${
  left("state", 5)
} ${left("evt-ch", 6)} ${left("ring-ref", 8)} ${left("BE-path", 30)}`;

export function xlBlockRows(devices: readonly DeviceRecord[]): string {
  return devices.map((device) => {
    const { devid, backendDomid, state, eventChannel, backendPath } = device;
    // The handle is 1 for every disk, as libxl has it.
    return `${left(devid, 5)} ${left(backendDomid, 3)} ${left(1, 6)} ${left(state, 5)} ${
      left(eventChannel, 6)
    } ${left(ring(device, 0), 8)} ${left(backendPath, 30)}\n`;
  }).join("");
}

export const XL_NETWORK_HEADER = `${left("Idx", 3)} ${left("BE", 2)} ${left("Mac Addr.", 17)} ${
  left("handle", 6)
} ${left("state", 5)} ${left("evt-ch", 6)} ${right("tx-", 5)}/${left("rx-ring-ref", 5)} ${
  left("BE-path", 30)
}`;

const NO_MAC = "00:00:00:00:00:00";

export function xlNetworkRows(devices: readonly DeviceRecord[]): string {
  return devices.map((device) => {
    const { devid, backendDomid, mac = NO_MAC, state, eventChannel, backendPath } = device;
    return `${left(devid, 3)} ${left(backendDomid, 2)} ${mac}${right(devid, 6)} ${right(state, 5)} ${
      right(eventChannel, 6)
    } ${right(ring(device, 0), 5)}/${left(ring(device, 1), 11)} ${left(backendPath, 30)}\n`;
  }).join("");
}

export const XM_BLOCK_HEADER = "Vdev  BE handle state evt-ch ring-ref BE-path";

export function xmBlockRows(devices: readonly DeviceRecord[]): string {
  return devices.map((device) => {
    const { devid, backendDomid, state, eventChannel, backendPath } = device;
    return `${left(devid, 5)} ${right(backendDomid, 2)} ${left(0, 6)} ${left(state, 5)} ${
      left(eventChannel, 6)
    } ${left(ring(device, 0), 8)} ${backendPath}\n`;
  }).join("");
}

export const XM_NETWORK_HEADER = "Idx BE     MAC Addr.     handle state evt-ch tx-/rx-ring-ref BE-path";

export function xmNetworkRows(devices: readonly DeviceRecord[]): string {
  return devices.map((device) => {
    const { devid, backendDomid, mac = NO_MAC, state, eventChannel, backendPath } = device;
    return `${left(devid, 3)} ${left(backendDomid, 2)} ${left(mac, 17)} ${left(devid, 6)} ${left(state, 5)} ${
      left(eventChannel, 6)
    } ${right(ring(device, 0), 5)}/${left(ring(device, 1), 9)} ${backendPath}\n`;
  }).join("");
}
