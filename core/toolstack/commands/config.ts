/** `config check|show|convert|schema`: configurations without a domain. */
import { dirname, resolve } from "node:path";
import {
  checkConfig,
  type CheckDiagnostic,
  type ConversionTarget,
  convertConfig,
  decodeSource,
  formatDiagnostic,
  hostEnvironment,
  jsonSchema,
  NotText,
  showConfig,
  type Source,
} from "../config/mod.ts";
import { EXIT } from "../exit_codes.ts";

export type ConfigRequest =
  | {
    readonly action: "check";
    readonly files: readonly string[];
    /** KEY=VALUE texts that follow each file. */
    readonly overrides: readonly string[];
    readonly json: boolean;
    readonly strict: boolean;
    /** Also what has no effect and need not. */
    readonly verbose: boolean;
  }
  | {
    readonly action: "show";
    readonly file: string;
    readonly overrides: readonly string[];
    readonly json: boolean;
  }
  | {
    readonly action: "convert";
    readonly file: string;
    readonly overrides: readonly string[];
    readonly to: ConversionTarget;
  }
  | { readonly action: "schema" };

/** What these commands reach the world through. */
export interface ConfigWorld {
  /** Standard output. */
  print(text: string): void;
  /** A line on standard error. */
  say(line: string): void;
  readonly environment: { toObject(): Record<string, string> };
  /** Relative paths begin here. */
  readonly directory: string;
}

class Unreadable extends Error {
  constructor(readonly path: string, readonly why: string) {
    super(`${path}: ${why}`);
  }
}

/** @throws Unreadable */
async function readSource(path: string, world: ConfigWorld): Promise<Source> {
  try {
    return { name: path, text: decodeSource(await Deno.readFile(resolve(world.directory, path))) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Unreadable(path, "there is no such file");
    if (error instanceof NotText) {
      throw new Unreadable(path, `it is not a configuration file: ${error.message}`);
    }
    throw new Unreadable(path, `it cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

function environmentOf(path: string, world: ConfigWorld) {
  return hostEnvironment(world.environment.toObject(), dirname(resolve(world.directory, path)));
}

async function checkFile(
  path: string,
  { strict, overrides }: { readonly strict: boolean; readonly overrides: readonly string[] },
  world: ConfigWorld,
): Promise<readonly CheckDiagnostic[]> {
  try {
    const environment = environmentOf(path, world);
    return checkConfig([await readSource(path, world)], { environment, strict, overrides });
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return [{ file: path, line: 1, column: 1, severity: "error", message: error.why, text: error.message }];
  }
}

async function check(
  request: Extract<ConfigRequest, { action: "check" }>,
  world: ConfigWorld,
): Promise<number> {
  const diagnostics: CheckDiagnostic[] = [];
  for (const file of request.files) diagnostics.push(...await checkFile(file, request, world));
  if (request.json) {
    const plain = diagnostics.map(({ text: _text, ...rest }) => rest);
    world.print(`${JSON.stringify(plain, undefined, 2)}\n`);
  } else {
    for (const { text, severity } of diagnostics) {
      if (severity !== "note" || request.verbose) world.print(`${text}\n`);
    }
  }
  return diagnostics.some(({ severity }) => severity === "error") ? EXIT.error : EXIT.ok;
}

async function show(
  request: Extract<ConfigRequest, { action: "show" }>,
  world: ConfigWorld,
): Promise<number> {
  const source = await readSource(request.file, world);
  const { keys, effective, diagnostics } = showConfig(
    source,
    request.overrides,
    environmentOf(request.file, world),
  );
  for (const diagnostic of diagnostics) {
    if (diagnostic.severity !== "note") world.say(formatDiagnostic(diagnostic));
  }
  if (request.json) world.print(`${JSON.stringify({ keys, effective }, undefined, 2)}\n`);
  else {
    for (const [key, value] of Object.entries(effective)) {
      world.print(`${key.padEnd(24)}: ${JSON.stringify(value)}\n`);
    }
  }
  return EXIT.ok;
}

/**
 * Runs a `config` command; gives the exit code.
 * @throws ConfigError when a file that is to be shown or converted cannot be read as a configuration
 */
export async function config(request: ConfigRequest, world: ConfigWorld): Promise<number> {
  try {
    switch (request.action) {
      case "check":
        return await check(request, world);
      case "show":
        return await show(request, world);
      case "convert": {
        const source = await readSource(request.file, world);
        const { to, overrides, file } = request;
        const { text, left } = convertConfig(source, to, {
          overrides,
          environment: environmentOf(file, world),
        });
        for (const diagnostic of left) world.say(formatDiagnostic(diagnostic));
        world.print(text);
        return EXIT.ok;
      }
      case "schema":
        world.print(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
        return EXIT.ok;
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    world.say(error.message);
    return EXIT.error;
  }
}
