/** `create`, `new` and `start`: domains that xend runs. */
import type { CreateReply, CreateRequest } from "../../api/types.ts";
import { configDirectory, readConfigFile } from "../config_file.ts";
import type { Context, Xend } from "../context.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";
import { about, domainOf, json } from "./domains.ts";
import { verdict } from "../ends.ts";
import { attach, EndWatcher } from "./console.ts";

async function readRequest(
  invocation: Invocation,
  context: Context,
  defineOnly: boolean,
): Promise<CreateRequest> {
  const [file, ...overrides] = invocation.words;
  const text = await readConfigFile(file, context.directory);
  return {
    fileName: file,
    text,
    overrides,
    directory: configDirectory(file, context.directory),
    paused: false,
    defineOnly,
    environment: context.environment.toObject(),
    ...(invocation.has("strict") ? { strict: true } : {}),
  };
}

/** xend fetches what is missing (a Debian kernel through apt), which takes a while: its log's lines show it. */
async function withProgress<T>(
  xend: Xend,
  quiet: boolean,
  context: Context,
  action: () => Promise<T>,
): Promise<T> {
  if (quiet) return await action();
  const subscription = await xend.followEvents(["log"]);
  const follow = async () => {
    for await (const event of subscription.events) {
      const match = event.type === "log" ? /^\[[^\]]*\] INFO \(([^)]*)\) (.*)$/.exec(event.line) : null;
      if (match !== null && /^(?:fetching|downloading|unpacking)\b/i.test(match[2])) context.say(match[2]);
    }
  };
  // What it tells is an extra: without it the command works as well.
  follow().catch(() => {});
  try {
    return await action();
  } finally {
    await subscription.close();
  }
}

const isInProcess = (invocation: Invocation, { environment }: Context) =>
  invocation.has("in-process") || environment.get("XENOLITH_IN_PROCESS") === "1";

export const createDomain: Runner = async (invocation, context) => {
  const isDry = invocation.has("dry-run") || invocation.has("dryrun");
  const quiet = invocation.has("quiet");
  if (context.dialect === "xl" && !quiet) context.say(`Parsing config from ${invocation.words[0]}`);
  if (isDry || isInProcess(invocation, context)) {
    const { runCreate } = await import("./in_process.ts");
    return await runCreate(invocation, context, isDry);
  }
  const request = await readRequest(invocation, context, false);
  const withConsole = invocation.has("console");
  const prints = context.dialect !== "xl" && !quiet && !withConsole && !invocation.json;
  if (prints) context.print(`Using config file "${request.fileName}".\n`);
  const xend = await context.xend();
  const follows = withConsole || invocation.has("foreground");
  const watcher = follows && !withConsole ? await EndWatcher.follow(xend) : undefined;
  const reply = await withProgress(xend, quiet, context, () =>
    // Nothing of its first output or of its end is missed when it begins to run after the console is there.
    xend.create({ ...request, paused: withConsole || invocation.has("paused") }));
  if (!quiet) { for (const warning of reply.warnings) context.say(warning); }
  if (prints) context.print(`Started domain ${reply.name} (id=${reply.domid})\n`);
  if (invocation.json && !withConsole) context.print(json(reply));
  if (withConsole) return await attachNew(xend, context, reply, invocation);
  if (watcher === undefined) return 0;
  const { code, words } = verdict((await watcher.end(reply.name, Infinity))?.reason);
  if (!quiet && context.dialect === "xenolith") context.say(`${reply.name} ${words}`);
  return code;
};

function attachNew(
  xend: Xend,
  context: Context,
  { name }: CreateReply,
  invocation: Invocation,
): Promise<number> {
  return attach(xend, context, {
    name,
    quiet: invocation.has("quiet") || context.dialect !== "xenolith",
    history: true,
    onAttached: async () => {
      if (!invocation.has("paused")) await xend.unpause(name);
    },
  });
}

export const newDomain: Runner = async (invocation, context) => {
  if (invocation.has("dry-run") || invocation.has("dryrun")) {
    const { runCreate } = await import("./in_process.ts");
    return await runCreate(invocation, context, true);
  }
  const request = await readRequest(invocation, context, true);
  const quiet = invocation.has("quiet");
  if (!quiet && !invocation.json && context.dialect !== "xl") {
    context.print(`Using config file "${request.fileName}".\n`);
  }
  const reply = await (await context.xend()).create(request);
  if (!quiet) { for (const warning of reply.warnings) context.say(warning); }
  if (invocation.json) context.print(json(reply));
  return 0;
};

export const startDomain: Runner = async (invocation, context) => {
  const [id] = invocation.words;
  const xend = await context.xend();
  const { name } = await domainOf(xend, id);
  const withConsole = invocation.has("console");
  const reply = await withProgress(
    xend,
    false,
    context,
    () => about(xend, id, () => xend.start(name, withConsole || invocation.has("paused"))),
  );
  for (const warning of reply.warnings) context.say(warning);
  return withConsole ? await attachNew(xend, context, reply, invocation) : 0;
};
