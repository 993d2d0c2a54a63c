/** CONTROL (`xenstore-control`): what the daemon itself can be asked, the commands of xenstored that mean something here. */
import type { DomainControl } from "./connection.ts";
import { XenStoreError } from "./errors.ts";
import { walk } from "./node.ts";
import { joinStrings } from "./protocol.ts";
import { QUOTA_NAMES, quotaName } from "./quota.ts";
import type { Store } from "./store.ts";

interface Command {
  readonly name: string;
  readonly parameters: string;
  run(parameters: readonly string[], store: Store, control: DomainControl): string;
}

const OK = "OK";

const COMMANDS: readonly Command[] = [
  {
    name: "check",
    parameters: "",
    run(parameters, store, control) {
      none(parameters);
      const counted = new Map<number, number>();
      walk(store.root, "/", (node, path) => {
        const [{ domid }] = node.permissions;
        if (path !== "/") counted.set(domid, (counted.get(domid) ?? 0) + 1);
      });
      for (const [domid, nodes] of counted) {
        if (store.owned(domid) !== nodes) {
          control.log(`check: domain ${domid} owns ${nodes} nodes, ${store.owned(domid)} are counted`);
        }
      }
      return OK;
    },
  },
  {
    name: "log",
    parameters: "[on|off]",
    run(parameters, _store, control) {
      if (parameters.length === 0) {
        return `Log switch settings:\nio      : ${control.tracing ? "on" : "off"}\n`;
      }
      const [state, ...more] = parameters;
      if (more.length > 0 || !/^(on|off|\+io|-io)$/.test(state)) throw new XenStoreError("EINVAL");
      control.tracing = state === "on" || state === "+io";
      return OK;
    },
  },
  {
    name: "memreport",
    parameters: "",
    run(parameters, store, control) {
      none(parameters);
      let [nodes, bytes] = [0, 0];
      walk(store.root, "/", (node) => {
        nodes++;
        bytes += node.value.length + node.children.nameBytes;
      });
      control.log(
        `memreport: ${nodes} nodes, ${bytes} bytes of values and names, ${store.watches.size} watches`,
      );
      return OK;
    },
  },
  {
    name: "print",
    parameters: "<string>",
    run(parameters, _store, control) {
      if (parameters.length !== 1) throw new XenStoreError("EINVAL");
      control.log(`control: ${parameters[0]}`);
      return OK;
    },
  },
  {
    name: "quota",
    parameters: "[set <name> <val>|<domid>]",
    run(parameters, store) {
      const [first, name, value, ...more] = parameters;
      if (first === undefined) {
        const lines = QUOTA_NAMES.map((each) => `${each.padEnd(17)}: ${store.quotas.global[each]}\n`);
        return `Quota settings:\n${lines.join("")}`;
      }
      if (first !== "set") {
        if (!/^\d{1,5}$/.test(first) || name !== undefined) throw new XenStoreError("EINVAL");
        const domid = Number(first);
        return `Domain ${domid}:\n${"nodes".padEnd(17)}: ${store.owned(domid)}\n`;
      }
      if (more.length > 0 || !/^[1-9]\d{0,8}$/.test(value ?? "")) throw new XenStoreError("EINVAL");
      store.quotas.set(undefined, quotaName(name), Number(value));
      return OK;
    },
  },
  {
    name: "help",
    parameters: "",
    run(parameters) {
      none(parameters);
      return COMMANDS.map((each) => `${each.name.padEnd(15)} ${each.parameters}\n`).join("");
    },
  },
];

function none(parameters: readonly string[]): void {
  if (parameters.length > 0) throw new XenStoreError("EINVAL");
}

/** The reply's payload. Throws EINVAL for a command or parameters that are none. */
export function answerControl(
  [name, ...parameters]: readonly string[],
  store: Store,
  control: DomainControl,
): Uint8Array {
  const command = COMMANDS.find((each) => each.name === name);
  if (!command) throw new XenStoreError("EINVAL");
  // A client that has no parameters may send an empty one.
  const given = parameters.length === 1 && parameters[0] === "" ? [] : parameters;
  return joinStrings([command.run(given, store, control)]);
}
