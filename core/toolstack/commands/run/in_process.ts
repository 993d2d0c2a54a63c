/** What runs in this process and needs no other: `create --in-process` and its dry run, `demo`, `xend`, `config`. */
import { join } from "node:path";
import { processTerminal } from "../../console/terminal.ts";
import { cacheDirectory } from "../../guests/cache.ts";
import { builtinGuest } from "../../guests/builtin.ts";
import type { Context } from "../context.ts";
import { create, type CreateOptions, type World } from "../create.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";

function worldOf(context: Context): World {
  return {
    terminal: processTerminal(),
    say: (line) => context.say(line),
    apt: { cache: cacheDirectory(), progress: (line) => context.say(line) },
    builtinGuest,
    async startHost(xenConsole) {
      const { startXenHost } = await import("../../xen_host.ts");
      return await startXenHost({ xenConsole, interpreterCache: join(cacheDirectory(), "interpreter") });
    },
  };
}

export function runCreate(invocation: Invocation, context: Context, dryRun: boolean): Promise<number> {
  const [file, ...overrides] = invocation.words;
  const options: CreateOptions = {
    file,
    overrides,
    console: invocation.has("console"),
    dryRun,
    quiet: invocation.has("quiet"),
    strict: invocation.has("strict"),
    format: invocation.json ? "json" : context.dialect === "xl" ? "xl" : "text",
  };
  return create(options, worldOf(context));
}

export const runDemo: Runner = async (invocation, context) => {
  const { demo, DEMO_GUESTS } = await import("../demo.ts");
  const guest = DEMO_GUESTS.find((name) => name === invocation.text("guest"));
  return await demo(guest, invocation.has("quiet"), worldOf(context));
};
