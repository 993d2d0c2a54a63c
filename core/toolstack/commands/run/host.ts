/** `info`, `dmesg`, `log`, `debug-keys`, `xendomains`. */
import { XendFailure } from "../../api/client.ts";
import type { NodeInfo } from "../../api/types.ts";
import { nearest } from "../../config/suggestion.ts";
import { nodeFieldText, nodeRecord, nodeText } from "../../format/node_info.ts";
import { left } from "../../format/text.ts";
import type { Context, Xend } from "../context.ts";
import { CommandError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";
import { json } from "./domains.ts";

export const info: Runner = async (invocation, context) => {
  const xend = await context.xend();
  if (invocation.has("config")) {
    const status = await xend.status();
    const lines = Object.entries(status).map(([key, value]) => `${left(key, 23)}: ${value}\n`);
    context.print(invocation.json ? json(status) : lines.join(""));
    return 0;
  }
  const node = await xend.node();
  const [field] = invocation.words;
  // With -n xl prints everything all the same.
  if (field !== undefined && !invocation.has("numa")) return infoField(node, field, invocation, context);
  if (invocation.json) context.print(json(nodeRecord(node)));
  else context.print(nodeText(node, invocation.has("numa"), context.dialect === "xl" ? "xl" : "xm"));
  return 0;
};

/** xl knows no wrong field: it prints nothing then. @throws CommandError */
function infoField(node: NodeInfo, field: string, { json: asJson }: Invocation, context: Context): number {
  const record = nodeRecord(node);
  const found = Object.entries(record).filter(([key]) => key.startsWith(field));
  if (found.length === 0 && context.dialect !== "xl") {
    const near = nearest(field, Object.keys(record));
    const hint = near === undefined ? "`info` lists them" : `did you mean ${near}?`;
    throw new CommandError(`info has no field ${JSON.stringify(field)}: ${hint}`, "usage");
  }
  context.print(asJson ? json(Object.fromEntries(found)) : nodeFieldText(node, field));
  return 0;
}

export const dmesg: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const text = await xend.dmesg();
  context.print(invocation.json ? json(text.split("\n").slice(0, -1)) : text);
  if (invocation.has("clear")) await ask(xend, "/node/dmesg/clear", {}, "cannot clear Xen's log");
  return 0;
};

export const log: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const follows = invocation.has("follow");
  // Asked for first: no line falls between the two.
  const events = follows ? (await xend.followEvents(["log"])).events : undefined;
  const text = await xend.log();
  context.print(invocation.json ? json(text.split("\n").slice(0, -1)) : text);
  if (events === undefined) return 0;
  for await (const event of events) {
    if (event.type === "log") context.print(`${event.line}\n`);
  }
  return 0;
};

/** Something that an older xend may not know. @throws CommandError */
async function ask(xend: Xend, path: string, body: unknown, cannot: string): Promise<void> {
  try {
    await xend.post(path, body);
  } catch (error) {
    if (
      error instanceof XendFailure && error.code === "bad-request" && /there is no POST/.test(error.message)
    ) {
      throw new CommandError(`this xend ${cannot}`, "failed", { cause: error });
    }
    throw error;
  }
}

export const debugKeys: Runner = async ({ words: [keys] }, context) => {
  await ask(await context.xend(), "/node/debug-keys", { keys }, "has no debug keys");
  return 0;
};

export const xendomains: Runner = async ({ words: [action], json: asJson }, context) => {
  // To stop what does not run, nothing is started.
  const xend = action === "stop" ? await context.runningXend() : await context.xend();
  if (xend === undefined) {
    context.print(asJson ? json({ done: [], failed: [] }) : "xend is not running: there are no domains\n");
    return 0;
  }
  const result = await xend.xendomains(action === "stop" ? "stop" : "start");
  if (asJson) context.print(json(result));
  else {for (const name of result.done) {
      context.print(`${action === "stop" ? "stopped" : "started"} ${name}\n`);
    }}
  for (const { name, message } of result.failed) context.say(`${name}: ${message}`);
  return result.failed.length === 0 ? 0 : 1;
};
