/** Arguments and options that many commands share. */
import type { ArgumentSpec, OptionSpec } from "../spec.ts";

export const DOMAIN: ArgumentSpec = {
  name: "domain",
  kind: "domain",
  summary: "name, domid or UUID of a domain",
};

export const MAYBE_DOMAIN: ArgumentSpec = { ...DOMAIN, optional: true };

export const DOMAINS: ArgumentSpec = { ...DOMAIN, optional: true, many: true };

export const MANAGED: ArgumentSpec = {
  name: "domain",
  kind: "managed",
  summary: "name of a managed domain that is not running",
};

export const CONFIGURATION: readonly ArgumentSpec[] = [
  { name: "file", kind: "configuration", summary: "configuration file; - reads standard input" },
  {
    name: "key=value",
    kind: "setting",
    optional: true,
    many: true,
    summary: "settings that come after the file's own",
  },
];

export const WAIT: OptionSpec = { short: "w", long: "wait", summary: "return when it has ended" };

export const ACPI_FALLBACK: OptionSpec = {
  short: "F",
  long: "fallback",
  summary: "xl's fallback for HVM guests (accepted)",
  hidden: true,
};
