/** Which disks and interfaces Domain-0 can serve to a PV guest: everything else is refused before anything is built. */
import { virtualDeviceNumber } from "../../../dom0/xenstore/devices.ts";
import type { Disk } from "./disk.ts";
import type { Vif } from "./vif.ts";

/** XenStore's paths and the records of devices have room for more; no guest's netfront has. */
const MAX_VIF = 0xffff;

function whyBackendRefused(backend: string | undefined): string | undefined {
  return backend === undefined || backend === "0" || backend === "Domain-0"
    ? undefined
    : `backend=${backend}: only Domain-0 serves devices; there are no driver domains`;
}

/** Xen's script for plain files and block devices, whose work the backend does itself. */
const PLAIN_SCRIPTS: readonly (string | undefined)[] = [undefined, "", "block", "/etc/xen/scripts/block"];

/** What keeps a disk from being served, with its name; undefined: nothing. */
export function whyDiskRefused(disk: Disk): string | undefined {
  // xl finds that out when the domain is half built.
  const { fault } = attempt(disk.vdev);
  if (fault !== undefined) return fault;
  const why = whyUnserved(disk);
  return why === undefined ? undefined : `${disk.vdev}: ${why}`;
}

function whyUnserved({ backend, script, specification, colo, target, devtype, format }: Disk) {
  const backendFault = whyBackendRefused(backend);
  if (backendFault !== undefined) return backendFault;
  if (!PLAIN_SCRIPTS.includes(script)) {
    return `script=${script}: only files and block devices of this host are served (no iscsi, nbd or drbd)`;
  }
  if (specification === "virtio") return "specification=virtio: only Xen's own block protocol is served";
  if (colo === true) return "colo: checkpoints to another host are not supported";
  if (target === "") {
    return devtype === "cdrom"
      ? "an empty drive is for HVM guests; a PV guest's drive shows an image from the start"
      : "no target is given: the image or device";
  }
  if (format !== "raw") {
    return `format=${format}: only raw images are served yet; qemu-img convert -O raw makes one`;
  }
  return undefined;
}

/** What keeps an interface from being served; undefined: nothing. */
export function whyVifRefused({ backend, devid }: Vif): string | undefined {
  if (devid > MAX_VIF) return `devid=${devid}: expected at most ${MAX_VIF}`;
  return whyBackendRefused(backend);
}

/** The places in the list of devices whose number one before them has already. */
export function numberedTwice(numbers: readonly (number | undefined)[]): number[] {
  const seen = new Set<number>();
  return numbers.flatMap((number, index) => {
    if (number === undefined) return [];
    if (seen.has(number)) return [index];
    seen.add(number);
    return [];
  });
}

function attempt(vdev: string): { readonly number?: number; readonly fault?: string } {
  try {
    return { number: virtualDeviceNumber(vdev) };
  } catch (error) {
    if (error instanceof RangeError) return { fault: error.message };
    throw error;
  }
}

/** undefined: it names no disk. */
export function diskNumber(vdev: string): number | undefined {
  return attempt(vdev).number;
}
