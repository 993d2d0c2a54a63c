/** What changes a domain's state: pause, shutdown, destroy, rename and the like. */
import { resolve } from "node:path";
import { wholeNumber } from "../invocation.ts";
import type { Invocation } from "../invocation.ts";
import type { Context, Xend } from "../context.ts";
import { CommandError } from "../errors.ts";
import type { Runner } from "../spec.ts";
import { about, domainOf, json } from "./domains.ts";

/** The same for each domain that is named. */
function forEach(action: (xend: Xend, id: string) => Promise<void>): Runner {
  return async ({ words }, context) => {
    const xend = await context.xend();
    for (const id of words) await about(xend, id, () => action(xend, id));
    return 0;
  };
}

export const pause = forEach((xend, id) => xend.pause(id));
export const unpause = forEach((xend, id) => xend.unpause(id));
export const destroy = forEach((xend, id) => xend.destroy(id));
export const reset = forEach((xend, id) => xend.reset(id));
export const deleteDomain = forEach((xend, id) => xend.delete(id));

/** The domains that were named, or all but Domain-0. @throws CommandError, UnknownDomain */
async function targets(invocation: Invocation, xend: Xend): Promise<{ name: string; domid: number }[]> {
  const { words, command } = invocation;
  if (invocation.has("all") === words.length > 0) {
    throw new CommandError(
      words.length > 0
        ? `${command.name}: --all and the name of a domain do not go together`
        : `${command.name}: which domain? Name it, or give --all`,
      "usage",
    );
  }
  if (words.length > 0) {
    return (await Promise.all(words.map((id) => domainOf(xend, id)))).map(({ name, domid }) => {
      if (domid === undefined) throw new CommandError(`${name} is not running`);
      return { name, domid };
    });
  }
  return (await xend.domains()).flatMap(({ name, domid }) =>
    domid === undefined || domid === 0 ? [] : [{ name, domid }]
  );
}

async function endAll(
  invocation: Invocation,
  context: Context,
  word: string,
  ask: (xend: Xend, domid: number, wait: boolean) => Promise<void>,
): Promise<number> {
  const xend = await context.xend();
  const wait = invocation.has("wait");
  const chosen = await targets(invocation, xend);
  const results = await Promise.allSettled(chosen.map(async ({ name, domid }) => {
    if (context.dialect === "xl") context.say(`${word} domain ${domid}`);
    await about(xend, name, () => ask(xend, domid, wait));
    if (wait && context.dialect !== "xl" && !invocation.json) context.print(`Domain ${name} terminated\n`);
  }));
  const failed = results.filter((result) => result.status === "rejected");
  // Each is told of; the first is what the command fails with.
  for (const { reason } of failed.slice(1)) {
    context.say(reason instanceof Error ? reason.message : String(reason));
  }
  if (failed.length > 0) throw failed[0].reason;
  if (wait && context.dialect !== "xl" && !invocation.json) context.print("All domains terminated\n");
  return 0;
}

export const shutdown: Runner = (invocation, context) => {
  const seconds = invocation.number("timeout", 1, 24 * 3600);
  const timeoutMs = seconds === undefined ? undefined : seconds * 1000;
  const reason = invocation.has("reboot") ? "reboot" : "poweroff";
  return endAll(
    invocation,
    context,
    "Shutting down",
    (xend, domid, wait) => xend.shutdown(domid, { wait, reason, timeoutMs }),
  );
};

export const reboot: Runner = (invocation, context) =>
  endAll(invocation, context, "Rebooting", (xend, domid, wait) => xend.reboot(domid, { wait }));

export const rename: Runner = async ({ words: [id, name] }, context) => {
  const xend = await context.xend();
  await about(xend, id, () => xend.rename(id, name));
  return 0;
};

export const sysrq: Runner = async ({ words: [id, key] }, context) => {
  if ([...key].length !== 1) {
    throw new CommandError(
      context.dialect === "xl"
        ? "Invalid sysrq.\n"
        : `sysrq: expected one letter, found ${JSON.stringify(key)}`,
      context.dialect === "xl" ? "failed" : "usage",
    );
  }
  const xend = await context.xend();
  await about(xend, id, () => xend.sysrq(id, key));
  return 0;
};

export const trigger: Runner = async ({ words: [id, name, vcpu] }, context) => {
  const number = vcpu === undefined ? 0 : wholeNumber(vcpu, "vcpu", 0, 4095);
  const xend = await context.xend();
  await about(xend, id, () => xend.trigger(id, name, number));
  return 0;
};

export const dumpCore: Runner = async (invocation, context) => {
  const { words: [id, file] } = invocation;
  const xend = await context.xend();
  const { name } = await domainOf(xend, id);
  if (context.dialect !== "xl" && !invocation.json) context.print(`Dumping core of domain: ${name} ...\n`);
  const reply = await about(xend, id, () =>
    xend.dumpCore(id, {
      file: file === undefined ? undefined : resolve(context.directory, file),
      live: invocation.has("live"),
      crash: invocation.has("crash"),
    }));
  if (invocation.has("reset") && !invocation.has("crash")) await xend.reset(name);
  if (invocation.json) context.print(json(reply));
  else if (file === undefined) context.print(`${reply.file}\n`);
  return 0;
};
