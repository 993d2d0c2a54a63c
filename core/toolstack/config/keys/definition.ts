import type { z } from "zod";
import type { Json } from "../value.ts";
import type { KeyType } from "./types.ts";

export type GuestType = "pv" | "pvh" | "hvm";

/** What a key does here. */
export type Status =
  | { readonly kind: "honoured" }
  /** It may be there and changes nothing; `quiet` where real Xen would give it no effect either that a guest sees. */
  | { readonly kind: "accepted"; readonly why: string; readonly quiet: boolean }
  /** A domain that asks for it cannot be made. */
  | { readonly kind: "refused"; readonly why: string };

export interface KeyDefinition<S extends z.ZodType = z.ZodType> {
  readonly type: KeyType<S>;
  /** One sentence for people who write files. */
  readonly about: string;
  /** The guest types that it is for. */
  readonly guests: readonly GuestType[];
  readonly default?: Json;
  readonly status: Status;
  /** Which manual has it. */
  readonly dialects: readonly ("xl" | "xm")[];
}

export interface Details {
  readonly guests?: readonly GuestType[];
  readonly default?: Json;
  readonly dialects?: readonly ("xl" | "xm")[];
}

const ALL: readonly GuestType[] = ["pv", "pvh", "hvm"];
export const HVM: readonly GuestType[] = ["hvm"];
export const HVM_PVH: readonly GuestType[] = ["hvm", "pvh"];

function define<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  status: Status,
  details: Details,
): KeyDefinition<S> {
  const { guests = ALL, dialects = ["xl", "xm"] } = details;
  return { type, about, guests, default: details.default, status, dialects };
}

export function honoured<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  details: Details = {},
): KeyDefinition<S> {
  return define(type, about, { kind: "honoured" }, details);
}

/** Accepted, and whoever uses it is told that it does nothing. */
export function idle<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  why: string,
  details: Details = {},
): KeyDefinition<S> {
  return define(type, about, { kind: "accepted", why, quiet: false }, details);
}

/** Accepted, and not worth a word unless somebody asks. */
export function quiet<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  why: string,
  details: Details = {},
): KeyDefinition<S> {
  return define(type, about, { kind: "accepted", why, quiet: true }, details);
}

export function refused<S extends z.ZodType>(
  type: KeyType<S>,
  about: string,
  why: string,
  details: Details = {},
): KeyDefinition<S> {
  return define(type, about, { kind: "refused", why }, details);
}
