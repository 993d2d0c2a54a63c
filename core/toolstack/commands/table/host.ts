import type { CommandSpec } from "../spec.ts";
import { CONFIG } from "./config.ts";

const QUIET = { short: "q", long: "quiet", summary: "print nothing but errors and the console" } as const;

export const HOST: readonly CommandSpec[] = [
  {
    name: "demo",
    group: "host",
    summary:
      "boot Debian's Linux with a shell, GRUB (both fetched through apt) or a built-in guest, in this process",
    arguments: [],
    options: [
      {
        short: "g",
        long: "guest",
        value: { name: "guest", kind: "text" },
        choices: ["linux", "grub", "builtin"],
        summary: "which guest",
      },
      QUIET,
    ],
    examples: [
      { line: "demo", does: "Linux and a shell; poweroff ends it" },
      { line: "demo --guest grub", does: "GRUB for Xen at its prompt" },
    ],
    exitCodes: { 3: "the domain crashed", 4: "it rebooted and was not started again", 5: "it suspended" },
    load: async () => (await import("../run/in_process.ts")).runDemo,
  },
  {
    name: "xend",
    group: "host",
    summary: "the process behind the other commands, which start it when they need it",
    arguments: [{
      name: "action",
      kind: "text",
      choices: ["start", "stop", "restart", "status"],
      summary: "what to do",
    }],
    options: [
      { short: "f", long: "foreground", summary: "start: run in this process until it is stopped" },
      {
        long: "pcpus",
        value: { name: "count", kind: "text" },
        summary: "start: physical CPUs of the host, by default one for each core",
      },
      {
        long: "http",
        value: { name: "port", kind: "text", optional: true },
        summary: "start: serve the API on 127.0.0.1 as well (8000); needs the token that status names",
      },
      {
        long: "metrics",
        summary: "start: serve metrics for Prometheus at /metrics, on the socket and, with --http, there",
      },
      {
        long: "console-logs",
        summary:
          "start: keep what guests write to their consoles, in console/guest-NAME.log below the log folder",
      },
    ],
    examples: [
      { line: "xend status --json", does: "its pid, sockets and versions" },
      { line: "xend stop", does: "ask all domains to power off, then end" },
    ],
    exitCodes: { 3: "status: xend is not running", 75: "start -f: another xend runs" },
    printsJson: true,
    load: async () => (await import("../run/xend_command.ts")).runXendCommand,
  },
  {
    name: "xendomains",
    group: "host",
    summary: "start the domains that are to run whenever the host does, or shut all down",
    arguments: [{ name: "action", kind: "text", choices: ["start", "stop"], summary: "what to do" }],
    options: [],
    examples: [{
      line: "xendomains start",
      does: "the files in xend's auto folder, and managed domains that say so",
    }],
    printsJson: true,
    load: async () => (await import("../run/host.ts")).xendomains,
  },
  {
    name: "debug-keys",
    group: "host",
    summary: "send debug keys to Xen; dmesg shows what they print",
    arguments: [{ name: "keys", kind: "text", summary: "letters; h lists them" }],
    options: [],
    examples: [{ line: "debug-keys q", does: "the domains and their vCPUs" }],
    load: async () => (await import("../run/host.ts")).debugKeys,
  },
  {
    name: "config",
    group: "configuration",
    summary: "check, show and convert configuration files",
    arguments: [],
    options: [],
    examples: [],
    subcommands: CONFIG,
  },
  {
    name: "completion",
    group: "host",
    summary: "print a shell's completion script",
    arguments: [{ name: "shell", kind: "text", choices: ["bash", "zsh", "fish"], summary: "which shell" }],
    options: [],
    examples: [
      { line: "completion bash > /etc/bash_completion.d/xenolith", does: "for everybody's bash" },
      { line: "completion fish > ~/.config/fish/completions/xenolith.fish", does: "for one's own fish" },
    ],
    printsJson: true,
    load: async () => (await import("../completion/mod.ts")).completion,
  },
  {
    name: "man",
    group: "host",
    summary: "print the manual page (roff); on a terminal, show it",
    arguments: [],
    options: [],
    examples: [{ line: "man | man -l -", does: "read it" }],
    printsJson: true,
    load: async () => (await import("../manual.ts")).manual,
  },
  {
    name: "__complete",
    group: "host",
    summary: "what can stand at the end of a command line; completion scripts call it",
    arguments: [{ name: "words", kind: "text", optional: true, many: true, summary: "the line's words" }],
    options: [],
    examples: [],
    hidden: true,
    raw: true,
    printsJson: true,
    load: async () => (await import("../completion/mod.ts")).complete,
  },
];
