import { z } from "zod";
import { LATER_KEYS, NOT_FOR_PV_KEYS } from "./keys.ts";
import type { Setting, Value } from "./value.ts";
import { ConfigError, type Diagnostic, type Span } from "./source.ts";
import { parseInteger } from "./value.ts";
import { nearest } from "./suggestion.ts";

/** What happens to a domain that ended (xl.cfg(5), "Event Actions"). */
export const SHUTDOWN_ACTIONS = [
  "destroy",
  "restart",
  "rename-restart",
  "preserve",
  "coredump-destroy",
  "coredump-restart",
  "soft-reset",
] as const;

/** What is done here; the other actions are taken for the nearest of these, with a warning. */
export type ShutdownAction = "destroy" | "restart";

const NEAREST_ACTION: Readonly<Record<typeof SHUTDOWN_ACTIONS[number], ShutdownAction>> = {
  "destroy": "destroy",
  "restart": "restart",
  "rename-restart": "restart",
  "preserve": "destroy",
  "coredump-destroy": "destroy",
  "coredump-restart": "restart",
  "soft-reset": "destroy",
};

/** A domain as its configuration describes it. */
export interface DomainConfig {
  readonly name: string;
  /** Where the kernel comes from, as written: a path, or what `kernelSource` reads. */
  readonly kernel: string;
  readonly ramdisk?: string;
  /** The kernel's whole command line, put together from cmdline, root and extra. */
  readonly cmdline: string;
  readonly memoryMiB: number;
  readonly maxMemoryMiB: number;
  readonly vcpus: number;
  readonly onPoweroff: ShutdownAction;
  readonly onReboot: ShutdownAction;
  readonly onCrash: ShutdownAction;
}

/** Why a value is refused, at the place of a part of it when that is known. */
interface Refusal {
  readonly message: string;
  readonly span?: Span;
}

/** A zod type over a parsed value: `read` gives the typed value or says what was expected. */
function value<T>(read: (value: Value, setting: Setting) => T | Refused) {
  return z.custom<Setting>((setting) => setting !== undefined).transform((setting, context): T => {
    const result = read(setting.value, setting);
    if (!(result instanceof Refused)) return result;
    context.addIssue({
      code: "custom",
      message: result.refusal.message,
      params: { span: result.refusal.span },
    });
    return z.NEVER;
  });
}

class Refused {
  constructor(readonly refusal: Refusal) {}
}

function refuse(message: string, span?: Span): Refused {
  return new Refused({ message, span });
}

function shape(found: Value): string {
  if (found.kind === "list") return "a list";
  return found.quoted ? `the string ${JSON.stringify(found.text)}` : `the number ${found.text}`;
}

/** A string; as in xl, a bare number will do. */
const text = value((found) =>
  found.kind === "atom" ? found.text : refuse(`expected a string, found ${shape(found)}`)
);

function integer(minimum: number, maximum: number, unit: string) {
  return value((found, { added, key }) => {
    const expected = `expected a number of ${unit} from ${minimum} to ${maximum}`;
    if (found.kind === "list") return refuse(`${expected}, found a list`);
    if (added) return refuse(`+= cannot be used with the number ${key}`);
    const number = parseInteger(found.text);
    if (number === undefined || number < minimum || number > maximum) {
      return refuse(`${expected}, found ${shape(found)}`);
    }
    return number;
  });
}

function choice<const T extends string>(options: readonly T[]) {
  return value((found) => {
    const listed = options.map((option) => `"${option}"`).join(", ");
    if (found.kind === "list") return refuse(`expected one of ${listed}; found a list`);
    const chosen = options.find((option) => option === found.text);
    if (chosen !== undefined) return chosen;
    const meant = nearest(found.text, options);
    return refuse(
      `expected one of ${listed}; found ${shape(found)}${
        meant === undefined ? "" : `; did you mean "${meant}"?`
      }`,
    );
  });
}

const name = value((found) => {
  if (found.kind !== "atom") return refuse(`expected a string, found ${shape(found)}`);
  if (found.text === "") return refuse("the domain's name is empty");
  if (/[/\s\p{Cc}]/u.test(found.text)) {
    return refuse(`a domain's name has no slashes, blanks or control characters; found ${shape(found)}`);
  }
  return found.text;
});

/** xl's type= and xm's builder=: only PV can be built today. */
const pvOnly = (names: Readonly<Record<string, "pv" | "other">>, expected: string) =>
  value((found) => {
    if (found.kind !== "atom") return refuse(`expected ${expected}, found a list`);
    const kind = names[found.text.toLowerCase()];
    if (kind === "pv") return "pv" as const;
    if (kind === "other") return refuse(`${found.text} domains are not supported yet; expected ${expected}`);
    return refuse(`expected ${expected}, found ${shape(found)}`);
  });

const noBootloader = value((found) => {
  const written = found.kind === "atom" ? ` "${found.text}"` : "";
  return found.kind === "atom" && found.text === "" ? undefined : refuse(
    `the bootloader${written} cannot be run: name the kernel itself with kernel= (and ramdisk=, extra=)`,
  );
});

/** A domain's memory and the hypervisor's part of it are one WebAssembly memory of at most 4 GiB. */
export const MAX_MEMORY_MIB = 3072;

const keys = {
  name,
  kernel: text,
  ramdisk: text.optional(),
  cmdline: text.optional(),
  root: text.optional(),
  extra: text.optional(),
  memory: integer(1, MAX_MEMORY_MIB, "MiB").optional(),
  maxmem: integer(1, MAX_MEMORY_MIB, "MiB").optional(),
  vcpus: integer(1, 32, "vCPUs").optional(),
  type: pvOnly({ pv: "pv", pvh: "other", hvm: "other" }, '"pv"').optional(),
  builder: pvOnly({ linux: "pv", generic: "pv", pv: "pv", hvm: "other" }, '"generic"').optional(),
  bootloader: noBootloader.optional(),
  on_poweroff: choice(SHUTDOWN_ACTIONS).optional(),
  on_reboot: choice(SHUTDOWN_ACTIONS).optional(),
  on_crash: choice(SHUTDOWN_ACTIONS).optional(),
};

const schema = z.strictObject(keys);

type RawConfig = z.infer<typeof schema>;

const DEFAULT_MEMORY_MIB = 128;

function commandLine({ cmdline, root, extra }: RawConfig): string {
  if (cmdline !== undefined) return cmdline;
  return [root === undefined ? [] : [`root=${root}`], extra === undefined ? [] : [extra]].flat().join(" ");
}

function toDomainConfig(raw: RawConfig): DomainConfig {
  const memoryMiB = raw.memory ?? Math.min(DEFAULT_MEMORY_MIB, raw.maxmem ?? DEFAULT_MEMORY_MIB);
  return {
    name: raw.name,
    kernel: raw.kernel,
    ramdisk: raw.ramdisk === "" ? undefined : raw.ramdisk,
    cmdline: commandLine(raw),
    memoryMiB,
    maxMemoryMiB: raw.maxmem ?? memoryMiB,
    vcpus: raw.vcpus ?? 1,
    onPoweroff: NEAREST_ACTION[raw.on_poweroff ?? "destroy"],
    onReboot: NEAREST_ACTION[raw.on_reboot ?? "restart"],
    onCrash: NEAREST_ACTION[raw.on_crash ?? "destroy"],
  };
}

export interface CheckedConfig {
  readonly config: DomainConfig;
  readonly warnings: readonly Diagnostic[];
}

function unknownKey({ key, keySpan }: Setting): Diagnostic {
  const meant = nearest(key, [...Object.keys(keys), ...LATER_KEYS, ...NOT_FOR_PV_KEYS]);
  return {
    span: keySpan,
    message: `unknown key ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  };
}

function isEmpty(found: Value): boolean {
  return found.kind === "list" ? found.items.length === 0 : found.text === "" || found.text === "0";
}

/**
 * Types the settings of a domain.
 * @param end where the file ends: the place of what is missing altogether
 * @throws ConfigError with every fault found
 */
export function checkSettings(settings: ReadonlyMap<string, Setting>, end: Span): CheckedConfig {
  const known = new Map<string, Setting>();
  const warnings: Diagnostic[] = [];
  for (const [key, setting] of settings) {
    if (NOT_FOR_PV_KEYS.has(key)) continue;
    if (!LATER_KEYS.has(key)) known.set(key, setting);
    else if (!isEmpty(setting.value)) {
      warnings.push({
        span: setting.keySpan,
        message: `warning: ${key} is not supported yet and is ignored`,
      });
    }
  }
  const result = schema.safeParse(Object.fromEntries(known));
  const faults: Diagnostic[] = [];
  if (!result.success) {
    for (const issue of result.error.issues) {
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) {
          const setting = known.get(key);
          if (setting !== undefined) faults.push(unknownKey(setting));
        }
        continue;
      }
      const key = String(issue.path[0]);
      const setting = known.get(key);
      if (setting === undefined) {
        faults.push({ span: end, message: `${key} is missing: expected ${key} = "..."` });
        continue;
      }
      const span: unknown = issue.code === "custom" ? issue.params?.span : undefined;
      faults.push({
        span: (span as Span | undefined) ?? setting.value.span,
        message: `${key}: ${issue.message}`,
      });
    }
  } else {
    const { memory, maxmem, cmdline, root, extra } = result.data;
    const maxmemSetting = settings.get("maxmem");
    if (memory !== undefined && maxmem !== undefined && maxmem < memory && maxmemSetting !== undefined) {
      faults.push({
        span: maxmemSetting.value.span,
        message: `maxmem: expected at least memory (${memory} MiB), found ${maxmem}`,
      });
    }
    const ignored = settings.get(root !== undefined ? "root" : "extra");
    if (cmdline !== undefined && (root ?? extra) !== undefined && ignored !== undefined) {
      warnings.push({
        span: ignored.keySpan,
        message: "warning: root and extra are ignored in favour of cmdline",
      });
    }
    for (const key of ["on_poweroff", "on_reboot", "on_crash"] as const) {
      const [asked, setting] = [result.data[key], settings.get(key)];
      if (asked === undefined || setting === undefined || asked === NEAREST_ACTION[asked]) continue;
      const message = `warning: ${key}="${asked}" is not supported yet and acts as "${
        NEAREST_ACTION[asked]
      }"`;
      warnings.push({ span: setting.value.span, message });
    }
    if (faults.length === 0) return { config: toDomainConfig(result.data), warnings };
  }
  faults.sort((a, b) => a.span.start.offset - b.span.start.offset);
  throw new ConfigError(faults);
}
