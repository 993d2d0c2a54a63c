/** The command lines that the palette knows: the program's commands as far as they make sense from inside the dashboard. */

export interface KnownCommand {
  readonly name: string;
  readonly summary: string;
  /** What follows the name: the selected domain is filled in for "domain". */
  readonly takes: "nothing" | "domain" | "domain and more" | "more";
  /** True when the words change nothing; `--readonly` lets them through. */
  readonly reads: (words: readonly string[]) => boolean;
}

const always = () => true;
const never = () => false;
const without = (...flags: readonly string[]) => (words: readonly string[]) =>
  !words.some((word) => flags.some((flag) => word === flag || word.startsWith(`${flag}=`))) &&
  !words.some((word) =>
    /^-[a-z]/i.test(word) && flags.some((flag) => /^-\w$/.test(flag) && word.includes(flag[1]))
  );

const command = (
  name: string,
  takes: KnownCommand["takes"],
  summary: string,
  reads: KnownCommand["reads"] = never,
): KnownCommand => ({ name, takes, summary, reads });

export const KNOWN_COMMANDS: readonly KnownCommand[] = [
  command("list", "nothing", "list domains", always),
  command("vcpu-list", "nothing", "list vCPUs", always),
  command("uptime", "nothing", "how long domains have run", always),
  command("info", "nothing", "facts of the host", always),
  command("dmesg", "nothing", "Xen's log", without("-c", "--clear")),
  command("log", "nothing", "xend's log", without("-f", "--follow")),
  command("domid", "domain", "a domain's number", always),
  command("domname", "more", "the name of a domain's number", always),
  command("domstate", "domain", "a domain's state", always),
  command("block-list", "domain", "a domain's block devices", always),
  command("network-list", "domain", "a domain's networks", always),
  command("sched-credit", "nothing", "weights and caps", without("-w", "--weight", "-c", "--cap")),
  command("cpupool-list", "nothing", "CPU pools", always),
  command("xenstore-ls", "nothing", "XenStore as a tree", always),
  command("xenstore-read", "more", "values of XenStore", always),
  command("xenstore-list", "more", "names below a node of XenStore", always),
  command("xenstore-exists", "more", "whether a node of XenStore exists", always),
  command("help", "nothing", "all commands", always),
  command("pause", "domain", "stop its vCPUs"),
  command("unpause", "domain", "let it go on"),
  command("shutdown", "domain", "ask it to power off"),
  command("reboot", "domain", "ask it to start again"),
  command("reset", "domain", "destroy it and start it anew"),
  command("destroy", "domain", "end it at once"),
  command("create", "more", "create a domain from a configuration file"),
  command("new", "more", "define a managed domain"),
  command("start", "more", "start a managed domain"),
  command("delete", "more", "forget a managed domain"),
  command("rename", "domain and more", "give it another name"),
  command("sysrq", "domain and more", "send a magic key"),
  command("trigger", "domain and more", "nmi, reset, init, power, ..."),
  command("mem-set", "domain and more", "how much memory it uses"),
  command("mem-max", "domain and more", "how much memory it can have"),
  command("vcpu-set", "domain and more", "how many vCPUs are online"),
  command("vcpu-pin", "domain and more", "on which pCPUs a vCPU may run"),
  command("block-attach", "domain and more", "attach a disk: FILE,raw,xvdb,rw"),
  command("block-detach", "domain and more", "detach a disk: xvdb; -f: without asking the guest"),
  command("network-attach", "domain", "attach an interface: mac=, bridge=, ..."),
  command("network-detach", "domain and more", "detach an interface: 0; -f: without asking"),
  command("dump-core", "domain", "write its memory to a file"),
  command("xenstore-write", "more", "write to XenStore"),
  command("xenstore-rm", "more", "remove from XenStore"),
  command("debug-keys", "more", "Xen's debug keys"),
];

/** What xm and xl have and this version has not: shown, so that nobody searches for it. */
export const UNAVAILABLE_COMMANDS: readonly string[] = ["save", "restore", "migrate"];

/** They need the terminal, or do not end by themselves. */
const NEEDS_TERMINAL: Readonly<Record<string, string>> = {
  top: "you are in it",
  demo: "demo needs the terminal for itself",
  trace: "trace needs the terminal for itself",
  gdb: "gdb needs the terminal for itself",
  "xenstore-watch": "xenstore-watch does not end by itself",
};

/** Commands beyond the known ones, that a typed line may begin with. */
export function isCommandName(word: string): boolean {
  return word === "console" || word === "xenolith" || word in NEEDS_TERMINAL;
}

export type LineVerdict =
  | { readonly kind: "run" }
  | { readonly kind: "attach"; readonly domain: string }
  | { readonly kind: "refused"; readonly reason: string };

/** Whether a typed command line may run from here. @param words at least one */
export function judge(words: readonly string[], readOnly: boolean): LineVerdict {
  const [name, ...rest] = words;
  const refuse = (reason: string): LineVerdict => ({ kind: "refused", reason });
  if (name.startsWith("-")) return refuse("begin with the command's name");
  if (UNAVAILABLE_COMMANDS.includes(name)) return refuse(`${name}: not available in this version`);
  if (name in NEEDS_TERMINAL) return refuse(NEEDS_TERMINAL[name]);
  if (name === "console") {
    if (readOnly) return refuse("read-only: a console takes input");
    return rest.length === 1 && !rest[0].startsWith("-")
      ? { kind: "attach", domain: rest[0] }
      : refuse("console takes one domain here");
  }
  const takesConsole = ["create", "start"].includes(name) &&
    rest.some((word) => ["-c", "--console", "-F", "--foreground", "--in-process"].includes(word));
  if (takesConsole) return refuse(`${name} without a console, please; then a attaches to it`);
  if ((name === "log" || name === "dmesg") && rest.some((word) => ["-f", "--follow"].includes(word))) {
    return refuse(`${name} --follow does not end by itself`);
  }
  const known = KNOWN_COMMANDS.find((candidate) => candidate.name === name);
  if (readOnly && known?.reads(rest) !== true) {
    return refuse(`read-only: ${name} is not run`);
  }
  return { kind: "run" };
}
