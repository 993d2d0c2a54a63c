/** A domain's devices as a list to choose from, and the command line that detaches one. */
import { vdevName } from "../../core/toolstack/format/vdev.ts";
import type { DomainRow } from "../model/types.ts";
import { designation } from "./prompts.ts";

const DISK = "disk ", INTERFACE = "interface ";

/** "disk xvda", "interface 0" */
export function deviceNames({ figures }: DomainRow): readonly string[] {
  return [
    ...figures.vbds.map(({ devid }) => DISK + vdevName(devid)),
    ...figures.vifs.map(({ devid }) => INTERFACE + devid),
  ];
}

/** @param device one of `deviceNames` */
export function detachWords(device: string, row: DomainRow): readonly string[] {
  return device.startsWith(DISK)
    ? ["block-detach", designation(row), device.slice(DISK.length)]
    : ["network-detach", designation(row), device.slice(INTERFACE.length)];
}
