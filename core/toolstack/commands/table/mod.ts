/** All commands. Only descriptions: what runs a command is imported when it runs. */
import type { CommandSpec } from "../spec.ts";
import { DEBUG } from "./debug.ts";
import { DEVICES } from "./devices.ts";
import { HOST } from "./host.ts";
import { INFORMATION } from "./information.ts";
import { LIFE_CYCLE } from "./life_cycle.ts";
import { RESOURCES } from "./resources.ts";
import { XENSTORE } from "./xenstore.ts";

export const COMMANDS: readonly CommandSpec[] = [
  ...LIFE_CYCLE,
  ...INFORMATION,
  ...DEBUG,
  ...RESOURCES,
  ...DEVICES,
  ...HOST,
  ...XENSTORE,
];
