/** `demo`: a guest on the console without a word of configuration. */
import { fileURLToPath } from "node:url";
import { asset, type ASSETS } from "../assets.ts";
import type { Terminal } from "../console/terminal.ts";
import { FetchError } from "../guests/apt.ts";
import { type CreateOptions, type PreparedDomain, prepareDomain, runDomain, type World } from "./create.ts";

export const DEMO_GUESTS = ["linux", "grub", "builtin"] as const;
export type DemoGuest = typeof DEMO_GUESTS[number];

interface Demo {
  readonly file: typeof ASSETS[number];
  /** What it is called in a sentence. */
  readonly title: string;
  readonly hint: string;
  /** What the guest is told of the terminal. */
  readonly overrides?: (terminal: Terminal) => string[];
}

/** A word of Linux's command line needs no quotes then. */
const PLAIN_WORD = /^[\w.+-]+$/;

/**
 * A PV console says nothing of the terminal at its other end. Words NAME=VALUE that Linux does not know become the
 * environment of its first process, which sets the terminal's size by them.
 */
function terminalWords(terminal: Terminal): string[] {
  const size = terminal.size();
  if (size === undefined) return [];
  const words = [`LINES=${size.rows}`, `COLUMNS=${size.columns}`];
  const kind = Deno.env.get("TERM");
  if (kind !== undefined && PLAIN_WORD.test(kind)) words.push(`TERM=${kind}`);
  return [`extra+=" ${words.join(" ")}"`];
}

const DEMOS: Readonly<Record<DemoGuest, Demo>> = {
  linux: {
    file: "configs/debian-shell.cfg",
    title: "Debian's Linux",
    hint: "a busybox shell comes after the kernel's messages; poweroff ends it",
    overrides: terminalWords,
  },
  grub: { file: "configs/grub.cfg", title: "GRUB", hint: "at the prompt try help, ls and halt" },
  builtin: {
    file: "configs/builtin.cfg",
    title: "the built-in guest",
    hint: "it echoes what you type; try help, ticks and halt",
  },
};

/** The guest of a demo for which none was named. */
const DEFAULT_GUEST: DemoGuest = "linux";

function configFile({ file }: Demo): string {
  return fileURLToPath(asset(file));
}

/**
 * Runs the demo; without a guest named it is the default one, or the built-in guest where that cannot be fetched.
 * Gives the exit code.
 */
export async function demo(guest: DemoGuest | undefined, quiet: boolean, world: World): Promise<number> {
  const say = (line: string) => {
    if (!quiet) world.say(line);
  };
  const options = (chosen: DemoGuest): CreateOptions => ({
    file: configFile(DEMOS[chosen]),
    overrides: DEMOS[chosen].overrides?.(world.terminal) ?? [],
    console: true,
    dryRun: false,
    quiet,
  });
  let chosen: DemoGuest = guest ?? DEFAULT_GUEST;
  let prepared: PreparedDomain;
  try {
    prepared = await prepareDomain(options(chosen), world);
  } catch (error) {
    // Asked for by name, a guest is not replaced by another one.
    if (guest !== undefined || !(error instanceof FetchError)) throw error;
    world.say(error.message);
    world.say(`booting the built-in guest instead of ${DEMOS[chosen].title}`);
    chosen = "builtin";
    prepared = await prepareDomain(options(chosen), world);
  }
  say(DEMOS[chosen].hint);
  return await runDomain(prepared, options(chosen), world);
}
