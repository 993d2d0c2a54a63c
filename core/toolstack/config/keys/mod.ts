/** Every key of xl.cfg(5) and xmdomain.cfg(5), once: type, default, guest types, and what it does here. */
import { z } from "zod";
import type { KeyDefinition } from "./definition.ts";
import { deviceKeys } from "./devices.ts";
import { generalKeys } from "./general.ts";
import { hvmKeys } from "./hvm.ts";
import { xmKeys } from "./xm.ts";

export { type GuestType, type KeyDefinition, type Status } from "./definition.ts";
export { SHUTDOWN_ACTIONS } from "./general.ts";

const TABLE = { ...generalKeys, ...deviceKeys, ...hvmKeys, ...xmKeys };

export type KeyName = keyof typeof TABLE;

/** The typed values of a configuration's keys; what is not set is not there. */
export type KeyValues = { -readonly [K in KeyName]?: z.output<(typeof TABLE)[K]["type"]["schema"]> };

/** By name. */
export const KEYS: ReadonlyMap<string, KeyDefinition> = new Map<string, KeyDefinition>(Object.entries(TABLE));

/** The whole configuration's schema, made from the table: what it takes is a file's keys as JSON. */
export const configSchema = z.strictObject(
  Object.fromEntries(
    [...KEYS].map(([key, { type, about, guests, status, dialects, default: initial }]) => {
      const meta = {
        description: about,
        guests,
        status,
        dialects,
        ...(initial === undefined ? {} : { default: initial }),
      };
      return [key, key === "name" ? type.schema.meta(meta) : type.schema.optional().meta(meta)];
    }),
  ),
);
