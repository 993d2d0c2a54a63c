/** The same domain in another language. */
import { formatDisk } from "./devices/disk.ts";
import { formatVif, xmOnlyParameters } from "./devices/vif.ts";
import { commandLine, guestType } from "./domain_config.ts";
import { KEYS, type KeyValues } from "./keys/mod.ts";
import { Refused } from "./keys/types.ts";
import { libvirtDomain } from "./libvirt/domain.ts";
import { isOwn, leftOut } from "./losses.ts";
import { type Reading, readKeys } from "./reading.ts";
import { typeKeys } from "./typing.ts";
import { type Json, type Setting, settingJson, type Value } from "./value.ts";
import { BARE_ENVIRONMENT } from "./environment.ts";
import { ConfigError, type Diagnostic, type Source } from "./source.ts";
import type { PythonEnvironment } from "./xm/mod.ts";

export const CONVERSION_TARGETS = ["xl", "json", "libvirt"] as const;
export type ConversionTarget = typeof CONVERSION_TARGETS[number];

export interface ConvertOptions {
  readonly overrides?: readonly string[];
  readonly environment?: PythonEnvironment;
}

/** xm's keys that have another name in xl. */
const RENAMED: Readonly<Record<string, string>> = { cpu_cap: "cap", cpu: "cpus", on_shutdown: "on_poweroff" };

/** What xm put on the kernel's command line and xl does not: it goes into cmdline. */
const FOLDED = ["ip", "gateway", "netmask", "hostname", "interface", "dhcp", "nfs_server", "nfs_root"];

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\v": "\\v",
};

/** A string as xl reads it back: it knows these escapes and no others. */
export function quoteXl(text: string): string {
  let out = "";
  for (const letter of text) out += ESCAPES[letter] ?? letter;
  return `"${out}"`;
}

function valueXl(value: Value, indent: string): string {
  if (value.kind === "atom") {
    // Decimal only: what Python calculated may be negative, which xl wants in quotes.
    return !value.quoted && /^[0-9][0-9a-fx]*$/.test(value.text) ? value.text : quoteXl(value.text);
  }
  if (value.items.length === 0) return "[ ]";
  const items = value.items.map((item) => valueXl(item, indent));
  const line = `[ ${items.join(", ")} ]`;
  if (line.length <= 100 && !line.includes("\n")) return line;
  return `[\n${items.map((item) => `${indent}    ${item},\n`).join("")}${indent}]`;
}

/** The settings that xl gets: under xl's names, without the program's own variables and what xl does not know. */
function xlSettings(
  reading: Reading,
  values: KeyValues,
): { settings: Map<string, string>; left: { key: string; what: string }[] } {
  const settings = new Map<string, string>();
  const left: { key: string; what: string }[] = [];
  const cmdline = commandLine(values, reading.dialect);
  const folds = reading.dialect === "xm" && FOLDED.some((key) => reading.settings.has(key));
  for (const [key, setting] of reading.settings) {
    const definition = KEYS.get(key);
    if (reading.dialect === "xl" && definition === undefined) {
      // It means nothing, but it is there; xl would keep quiet about it.
      settings.set(key, valueXl(setting.value, ""));
    } else if (key === "type" || key === "builder") settings.set("type", quoteXl(guestType(values)));
    else if (key === "disk" && values.disk !== undefined && reading.dialect === "xm") {
      settings.set(key, listXl(values.disk.map((disk) => quoteXl(formatDisk(disk)))));
    } else if (key === "vif" && values.vif !== undefined && oldParameters(setting.value).length > 0) {
      settings.set(key, listXl(values.vif.map((vif, index) => quoteXl(formatVif(vif, index)))));
      left.push({
        key,
        what: `vif: ${oldParameters(setting.value).join(", ")} is left out, which xl refuses`,
      });
    } else if (folds && [...FOLDED, "root", "extra", "cmdline"].includes(key)) {
      settings.set("cmdline", quoteXl(cmdline ?? ""));
    } else if (Object.hasOwn(RENAMED, key)) settings.set(RENAMED[key], valueXl(setting.value, ""));
    else if (definition?.dialects.includes("xl") ?? false) settings.set(key, valueXl(setting.value, ""));
    else if (definition !== undefined && !isOwn(key)) {
      left.push({ key, what: `${key} is left out: it has no counterpart in xl` });
    }
  }
  return { settings, left };
}

/** What only xm's interfaces had. */
const oldParameters = (value: Value): readonly string[] =>
  value.kind === "atom" ? xmOnlyParameters(value.text) : value.items.flatMap(oldParameters);

function listXl(items: readonly string[]): string {
  return items.length === 0 ? "[ ]" : `[\n${items.map((item) => `    ${item},\n`).join("")}]`;
}

function toXl(reading: Reading, values: KeyValues): Conversion {
  const { settings, left } = xlSettings(reading, values);
  const lines = [...settings].map(([key, value]) => `${key} = ${value}\n`);
  const notes = left.map(({ what }) => `# ${what}.\n`);
  return {
    text: lines.join("") + notes.join(""),
    left: left.map(({ key, what }) => leftOut(reading, key, what)),
  };
}

function typedJson(key: string, setting: Setting): Json {
  const json = KEYS.get(key)?.type.coerce(setting.value, setting);
  // What counts as not set is shown as it is.
  return json === undefined || json instanceof Refused ? settingJson(setting) : json;
}

function toJson(reading: Reading): string {
  const entries = [...reading.settings].filter(([key]) => KEYS.has(key));
  return `${
    JSON.stringify(
      Object.fromEntries(entries.map(([key, setting]) => [key, typedJson(key, setting)])),
      undefined,
      2,
    )
  }\n`;
}

export interface Conversion {
  readonly text: string;
  /** What the other language has no place for, and what in the file says nothing to anybody. */
  readonly left: readonly Diagnostic[];
}

/**
 * Writes a configuration in another language.
 * @param to "xl": xl's own; "json": what `jsonSchema()` describes; "libvirt": a domain's XML
 * @throws ConfigError when it cannot be read, or a value is at fault
 */
export function convertConfig(
  source: Source,
  to: ConversionTarget,
  { overrides = [], environment = BARE_ENVIRONMENT }: ConvertOptions = {},
): Conversion {
  const reading = readKeys(source, overrides, environment);
  const { values, diagnostics } = typeKeys(reading, false);
  const faults = diagnostics.filter(({ severity = "error" }) => severity === "error");
  if (faults.length > 0) throw new ConfigError(faults);
  const said = [...reading.warnings, ...diagnostics].filter(({ severity }) => severity === "warning");
  const { text, left } = write(reading, values, to);
  return { text, left: [...said, ...left] };
}

function write(reading: Reading, values: KeyValues, to: ConversionTarget): Conversion {
  switch (to) {
    case "xl":
      return toXl(reading, values);
    case "json":
      return { text: toJson(reading), left: [] };
    case "libvirt": {
      const { xml, left } = libvirtDomain(values, reading);
      return { text: xml, left };
    }
  }
}
