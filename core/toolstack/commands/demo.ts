/** `demo`: a guest on the console without a word of configuration. */
import { fileURLToPath } from "node:url";
import { FetchError } from "../guests/apt.ts";
import { type CreateOptions, type PreparedDomain, prepareDomain, runDomain, type World } from "./create.ts";

export const DEMO_GUESTS = ["grub", "builtin"] as const;
export type DemoGuest = typeof DEMO_GUESTS[number];

const HINTS: Readonly<Record<DemoGuest, string>> = {
  grub: "at the prompt try help, ls and halt",
  builtin: "it echoes what you type; try help, ticks and halt",
};

function configFile(guest: DemoGuest): string {
  return fileURLToPath(new URL(`../../../configs/${guest}.cfg`, import.meta.url));
}

/**
 * Runs the demo; without a guest named it is GRUB, or the built-in guest where GRUB cannot be fetched.
 * Gives the exit code.
 */
export async function demo(guest: DemoGuest | undefined, quiet: boolean, world: World): Promise<number> {
  const say = (line: string) => {
    if (!quiet) world.say(line);
  };
  const options = (chosen: DemoGuest): CreateOptions => ({
    file: configFile(chosen),
    overrides: [],
    console: true,
    dryRun: false,
    quiet,
  });
  let chosen: DemoGuest = guest ?? "grub";
  let prepared: PreparedDomain;
  try {
    prepared = await prepareDomain(options(chosen), world);
  } catch (error) {
    // Asked for by name, a guest is not replaced by another one.
    if (guest !== undefined || !(error instanceof FetchError)) throw error;
    world.say(error.message);
    world.say("booting the built-in guest instead of GRUB");
    chosen = "builtin";
    prepared = await prepareDomain(options(chosen), world);
  }
  say(HINTS[chosen]);
  return await runDomain(prepared, options(chosen), world);
}
