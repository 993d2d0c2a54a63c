/** A xend and a terminal for commands' tests: what was asked of them is kept. */
import { XendFailure } from "../api/client.ts";
import type { AttachRequest, DomainDetail } from "../api/types.ts";
import type { Terminal } from "../console/terminal.ts";
import { DOM0, FIGURES, GUEST, MANAGED, NODE } from "../format/testing.ts";
import type { Context, Dialect, Xend } from "./context.ts";
import { runCommandLine } from "./mod.ts";

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** "operation domain arguments" of what was asked of xend. */
  readonly asked: readonly string[];
}

function find(domains: readonly DomainDetail[], id: string | number): DomainDetail {
  const found = domains.find(({ name, domid, uuid }) =>
    name === id || uuid === id || String(domid) === String(id)
  );
  if (found === undefined) {
    throw new XendFailure("no-such-domain", `there is no domain ${JSON.stringify(id)}`);
  }
  return found;
}

/** Only what the tests' commands use; anything else fails by its absence. */
export function fakeXend(asked: string[], domains: readonly DomainDetail[] = [DOM0, GUEST, MANAGED]): Xend {
  const act = (operation: string) => (id: string | number, ...values: unknown[]) => {
    try {
      find(domains, id);
    } catch (error) {
      return Promise.reject(error);
    }
    asked.push([operation, id, ...values.map((value) => JSON.stringify(value))].join(" "));
    return Promise.resolve({ file: "/core" });
  };
  const attach = (id: string | number, request: AttachRequest) => {
    const { devices } = GUEST;
    return act("attachDevice")(id, request).then(() => devices.find(({ kind }) => kind === request.kind));
  };
  const partial = {
    attachDevice: attach,
    domains: (all = false) => Promise.resolve(domains.filter(({ domid }) => all || domid !== undefined)),
    domain: (id: string | number) => new Promise((resolve) => resolve(find(domains, id))),
    node: () => Promise.resolve(NODE),
    figures: () => Promise.resolve(FIGURES),
    dmesg: () => Promise.resolve("(XEN) one\n(XEN) two\n"),
    post: (path: string) =>
      Promise.reject(new XendFailure("bad-request", `there is no POST ${path} in the API`)),
    xendomains: () => Promise.resolve({ done: ["a"], failed: [{ name: "b", message: "no kernel" }] }),
  };
  const operations = [
    "pause",
    "unpause",
    "destroy",
    "reset",
    "delete",
    "shutdown",
    "reboot",
    "rename",
    "sysrq",
    "trigger",
    "setMemory",
    "setMaxMemory",
    "setVcpus",
    "pin",
    "setScheduler",
    "dumpCore",
    "detachDevice",
  ];
  const all = { ...partial, ...Object.fromEntries(operations.map((name) => [name, act(name)])) };
  return all as unknown as Xend;
}

const NO_TERMINAL: Terminal = {
  interactive: false,
  size: () => undefined,
  async *input() {},
  write() {},
  setRaw() {},
};

/** Runs a command line, split at blanks. */
export async function command(
  line: string,
  dialect: Dialect = "xenolith",
  xend?: Partial<Xend>,
  more: Partial<Context> = {},
): Promise<Outcome> {
  let out = "", err = "";
  const asked: string[] = [];
  const fake = { ...fakeXend(asked), ...xend } as Xend;
  const context: Context = {
    dialect,
    print: (text) => out += text,
    say: (text) => err += `${text}\n`,
    sayRaw: (text) => err += text,
    xend: () => Promise.resolve(fake),
    runningXend: () => Promise.resolve(fake),
    terminal: () => Promise.resolve(NO_TERMINAL),
    environment: { get: () => undefined, toObject: () => ({}) },
    directory: "/here",
    now: () => 1_010_000,
    sleep: () => Promise.resolve(),
    ...more,
  };
  const code = await runCommandLine(line.split(" "), context);
  return { code, out, err, asked };
}
