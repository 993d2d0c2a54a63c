/** What the xendomains service does at the start and the end of a host. */
import { dirname, join } from "node:path";
import type { CreateRequest, ErrorCode } from "../api/types.ts";
import { XendError } from "./errors.ts";

export interface XendomainsResult {
  readonly done: string[];
  readonly failed: { readonly name: string; readonly message: string }[];
}

/** The configurations in a folder (usually links to them), in the order of their names. */
export function autostartRequests(folder: string): CreateRequest[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => !name.startsWith("."))
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return names.map((name) => ({
    fileName: join(folder, name),
    text: Deno.readTextFileSync(join(folder, name)),
    overrides: [],
    directory: dirname(Deno.realPathSync(join(folder, name))),
    paused: false,
    defineOnly: false,
    environment: {},
  }));
}

/** Does all of it whatever becomes of one. @param skipped errors that mean that there was nothing to do */
export async function attempt(
  actions: readonly (readonly [string, () => Promise<unknown>])[],
  skipped: readonly ErrorCode[],
): Promise<XendomainsResult> {
  const done: string[] = [], failed: { name: string; message: string }[] = [];
  await Promise.all(actions.map(async ([name, action]) => {
    try {
      await action();
      done.push(name);
    } catch (error) {
      if (error instanceof XendError && skipped.includes(error.code)) return;
      failed.push({ name, message: error instanceof Error ? error.message : String(error) });
    }
  }));
  return { done, failed };
}
