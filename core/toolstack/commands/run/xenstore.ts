/** xenstore-ls and its kin: Debian's tools' arguments and output, over xend's API. */
import { XendFailure } from "../../api/client.ts";
import { sanitise, treeLine, unsanitise } from "../../format/xenstore.ts";
import type { Context, Xend } from "../context.ts";
import { CommandError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { Runner } from "../spec.ts";
import { json } from "./domains.ts";

/** The domain whose home relative paths are below: we act for Domain-0. */
const HOME = "/local/domain/0/";

const absolute = (path: string) => path.startsWith("/") || path.startsWith("@") ? path : HOME + path;

/** In the tools' words; they know no more than that it failed. */
async function attempt<T>(invocation: Invocation, what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof XendFailure) || error.code === "not-running" || error.code === "not-started") {
      throw error;
    }
    const reason = error.code === "no-such-path" ? "" : `: ${error.message}`;
    throw new CommandError(`${invocation.command.name}: ${what}${reason}`, "failed", { cause: error });
  }
}

export const read: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const values: Record<string, string> = {};
  for (const path of invocation.words) {
    values[path] = await attempt(
      invocation,
      `couldn't read path ${path}`,
      () => xend.xenstoreRead(absolute(path)),
    );
  }
  if (invocation.json) context.print(json(values));
  else {
    for (const path of invocation.words) {
      const prefix = invocation.has("paths") ? `${path}: ` : "";
      context.print(prefix + (invocation.has("raw") ? values[path] : `${sanitise(values[path])}\n`));
    }
  }
  return 0;
};

export const write: Runner = async (invocation, context) => {
  const { words } = invocation;
  if (words.length % 2 !== 0) {
    throw new CommandError(`xenstore-write: ${JSON.stringify(words.at(-1))} has no value after it`, "usage");
  }
  const xend = await context.xend();
  for (let at = 0; at < words.length; at += 2) {
    const [path, text] = [words[at], words[at + 1]];
    const value = invocation.has("raw") ? text : unsanitise(text);
    await attempt(
      invocation,
      `could not write path ${path}`,
      () => xend.xenstoreWrite(absolute(path), value),
    );
  }
  return 0;
};

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/"));

async function isBare(xend: Xend, path: string): Promise<boolean> {
  return path !== "" && await xend.xenstoreExists(path) && await xend.xenstoreRead(path) === "" &&
    (await xend.xenstoreList(path)).length === 0;
}

export const rm: Runner = async (invocation, context) => {
  const xend = await context.xend();
  for (const word of invocation.words) {
    let path = absolute(word);
    do {
      await attempt(invocation, `could not remove path ${path}`, () => xend.xenstoreRemove(path));
      path = parentOf(path);
    } while (invocation.has("tidy") && await isBare(xend, path));
  }
  return 0;
};

export const list: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const names: Record<string, string[]> = {};
  for (const path of invocation.words) {
    names[path] = await attempt(
      invocation,
      `could not list path ${path}`,
      () => xend.xenstoreList(absolute(path)),
    );
  }
  if (invocation.json) context.print(json(names));
  else {
    for (const path of invocation.words) {
      const prefix = invocation.has("paths") ? `${path === "/" ? "" : path}/` : "";
      context.print(names[path].map((name) => `${prefix}${name}\n`).join(""));
    }
  }
  return 0;
};

export const exists: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const found = await Promise.all(invocation.words.map((path) => xend.xenstoreExists(absolute(path))));
  if (invocation.json) context.print(json(found.every((each) => each)));
  return found.every((each) => each) ? 0 : 1;
};

export const watch: Runner = async (invocation, context) => {
  const most = invocation.number("count", 1) ?? Infinity;
  const xend = await context.xend();
  let count = 0;
  const paths = new Map(invocation.words.map((path) => [absolute(path), path]));
  for await (const event of xend.xenstoreWatch([...paths.keys()])) {
    if (event.type === "lost") context.say(`xenstore-watch: ${event.count} changes are left out`);
    if (event.type !== "watch") continue;
    context.print(
      invocation.json ? `${JSON.stringify(event)}\n` : `${relative(event.path, event.token, paths)}\n`,
    );
    if (++count >= most) break;
  }
  return 0;
};

/** A relative watch tells of relative paths. */
function relative(path: string, token: string, paths: ReadonlyMap<string, string>): string {
  const asked = paths.get(token);
  return asked !== undefined && asked !== token && path.startsWith(token)
    ? asked + path.slice(token.length)
    : path;
}

export const chmod: Runner = async (invocation, context) => {
  const { words: [path, ...permissions] } = invocation;
  for (const permission of permissions) {
    if (!/^[nrwb]\d{1,5}$/.test(permission)) {
      throw new CommandError(
        `xenstore-chmod: expected n, r, w or b and a domid such as r7; found ${JSON.stringify(permission)}`,
        "usage",
      );
    }
  }
  const xend = await context.xend();
  const change = (at: string) =>
    attempt(
      invocation,
      `Error occurred setting permissions on '${at}'`,
      () => xend.xenstoreChmod(at, permissions),
    );
  const below = async (at: string): Promise<void> => {
    await change(at);
    if (!invocation.has("recursive")) return;
    for (const name of await xend.xenstoreList(at)) await below(`${at === "/" ? "" : at}/${name}`);
  };
  const start = absolute(path);
  await below(start);
  if (invocation.has("upward")) {
    for (let at = parentOf(start); at !== ""; at = parentOf(at)) await change(at);
  }
  return 0;
};

interface JsonTree {
  [name: string]: { value: string; permissions?: string[]; nodes?: JsonTree };
}

export const ls: Runner = async (invocation, context) => {
  const xend = await context.xend();
  const start = absolute(invocation.words[0] ?? "/");
  const full = invocation.has("full");
  const width = full ? undefined : await terminalWidth(context);
  const shows = invocation.has("permissions");
  const walk = async (path: string, depth: number, tree: JsonTree): Promise<void> => {
    let names: string[];
    try {
      names = await xend.xenstoreList(path);
    } catch (error) {
      if (!(error instanceof XendFailure) || error.code !== "no-such-path") throw error;
      // A node that is gone meanwhile is passed over.
      if (depth > 0) return;
      throw new CommandError(`xenstore-ls: xs_directory (${path}): No such file or directory`, "failed", {
        cause: error,
      });
    }
    for (const name of names) {
      const child = `${path === "/" ? "" : path}/${name}`;
      let value: string, permissions: string[] | undefined;
      try {
        [value, permissions] = await Promise.all([
          xend.xenstoreRead(child),
          shows ? xend.xenstorePermissions(child) : undefined,
        ]);
      } catch (error) {
        if (error instanceof XendFailure && error.code === "no-such-path") continue;
        throw error;
      }
      const nodes: JsonTree = {};
      tree[name] = { value, ...(permissions === undefined ? {} : { permissions }), nodes };
      if (!invocation.json) {
        context.print(treeLine({ path: child, name, depth, value, permissions }, { full, width }));
      }
      await walk(child, depth + 1, nodes);
      if (Object.keys(nodes).length === 0) delete tree[name].nodes;
    }
  };
  const tree: JsonTree = {};
  await walk(start, 0, tree);
  if (invocation.json) context.print(json(tree));
  return 0;
};

async function terminalWidth(context: Context): Promise<number | undefined> {
  const size = (await context.terminal()).size();
  // As the tools: two columns stay free.
  return size === undefined ? undefined : size.columns - 2;
}
