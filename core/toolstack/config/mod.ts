/** The language of domain configuration files, xl's (xl.cfg(5)) and xm's (xmdomain.cfg(5)), and what a domain's keys mean. */
import { checkDomain, type DomainConfig, toDomainConfig } from "./domain_config.ts";
import { BARE_ENVIRONMENT } from "./environment.ts";
import { readKeys } from "./reading.ts";
import { effectiveValues } from "./show.ts";
import { ConfigError, type Diagnostic, type Source } from "./source.ts";
import { typeKeys } from "./typing.ts";
import type { PythonEnvironment } from "./xm/mod.ts";

export { checkConfig, type CheckDiagnostic, type CheckOptions } from "./check.ts";
export {
  type Conversion,
  CONVERSION_TARGETS,
  type ConversionTarget,
  convertConfig,
  type ConvertOptions,
} from "./convert.ts";
export { type Disk, formatDisk, parseDisk, SpecificationError } from "./devices/disk.ts";
export { formatVif, parseVif, type Vif } from "./devices/vif.ts";
export { type DomainConfig, type ShutdownAction } from "./domain_config.ts";
export { BARE_ENVIRONMENT, hostEnvironment } from "./environment.ts";
export { jsonSchema } from "./json_schema.ts";
export { type GuestType, type KeyDefinition, KEYS, type Status } from "./keys/mod.ts";
export { showConfig, type ShownConfig } from "./show.ts";
export {
  ConfigError,
  decodeSource,
  type Diagnostic,
  formatDiagnostic,
  NotText,
  type Severity,
  type Source,
} from "./source.ts";
export { type PythonEnvironment } from "./xm/mod.ts";

export interface ReadOptions {
  /** What a Python configuration may know; `hostEnvironment()` makes one. Nothing of the process by default. */
  readonly environment?: PythonEnvironment;
  /** Unknown keys are faults. */
  readonly strict?: boolean;
}

/** A configuration that a domain can be built from. */
export interface CheckedConfig {
  readonly config: DomainConfig;
  /** What `config show` prints as "effective". */
  readonly effective: Readonly<Record<string, unknown>>;
  /** The keys that the file and the overrides have. */
  readonly given: ReadonlySet<string>;
  readonly warnings: readonly Diagnostic[];
}

/**
 * Reads a domain configuration and checks that this host can build it.
 * @param source the file
 * @param overrides KEY=VALUE or KEY+=VALUE texts that count as further lines
 * @throws ConfigError naming file, line and column of every fault
 */
export function readDomainConfig(
  source: Source,
  overrides: readonly string[] = [],
  { environment = BARE_ENVIRONMENT, strict = false }: ReadOptions = {},
): CheckedConfig {
  const reading = readKeys(source, overrides, environment);
  const { values, diagnostics } = typeKeys(reading, strict);
  const all = [...reading.warnings, ...diagnostics, ...checkDomain(reading, values)];
  all.sort((a, b) => a.span.start.offset - b.span.start.offset);
  const faults = all.filter(({ severity = "error" }) => severity === "error");
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    config: toDomainConfig(values, reading.dialect),
    effective: effectiveValues(values, reading.dialect),
    given: new Set(reading.settings.keys()),
    warnings: all.filter(({ severity }) => severity === "warning"),
  };
}
