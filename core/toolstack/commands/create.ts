/** `create`: a domain from its configuration file, run in this process. */
import type { DeviceDescription } from "../../dom0/mod.ts";
import { ImageError, type KernelImage, parseKernel, planPv } from "../../builder/mod.ts";
import {
  type DomainConfig,
  formatDiagnostic,
  hostEnvironment,
  readDomainConfig,
  type ShutdownAction,
} from "../config/mod.ts";
import { InputPump } from "../console/attachment.ts";
import type { Terminal } from "../console/terminal.ts";
import { EXIT } from "../exit_codes.ts";
import { restoreOnSignals, verdict } from "./ends.ts";
import { configDirectory, readConfigFile } from "./config_file.ts";
import { CommandError } from "./errors.ts";
import { plannedConfig, yajl } from "../format/domain_config.ts";
import type { AptOptions } from "../guests/apt.ts";
import { readDomainFiles } from "../guests/domain_files.ts";
import { DeviceError, type DomainEnd, type DomainSpec, type RunningDomain, type XenHost } from "../host.ts";
import { deviceDescriptions } from "../xend/device_source.ts";

/** What commands reach the world through; tests give their own. */
export interface World {
  readonly terminal: Terminal;
  /** Prints a line for the user, on standard error. */
  say(line: string): void;
  readonly apt: AptOptions;
  builtinGuest(name: string): Uint8Array | undefined;
  /** @param xenConsole told each line that a guest writes to Xen's own console */
  startHost(xenConsole: (domid: number, line: string) => void): Promise<XenHost>;
}

export interface CreateOptions {
  /** Path of the configuration file. */
  readonly file: string;
  /** KEY=VALUE texts that follow the file. */
  readonly overrides: readonly string[];
  readonly console: boolean;
  readonly dryRun: boolean;
  /** How a dry run shows the domain: for people, as JSON, or in libxl's JSON as xl does. */
  readonly format?: "text" | "json" | "xl";
  readonly quiet: boolean;
  /** Unknown keys are faults. */
  readonly strict?: boolean;
}

/** What a domain starts from: tens of megabytes. */
interface DomainImages {
  readonly kernel: KernelImage;
  readonly ramdisk?: Uint8Array;
}

/** A domain with all its files read and checked: nothing but the host can refuse it now. */
export interface PreparedDomain {
  readonly config: DomainConfig;
  /** What `config show` prints as "effective". */
  readonly effective: Readonly<Record<string, unknown>>;
  /** The keys that the file itself has. */
  readonly given: ReadonlySet<string>;
  readonly devices?: readonly DeviceDescription[];
  /** Gone once the domain is built: a restart reads the files again, as xl does. */
  images?: DomainImages;
}

/**
 * Reads a configuration and every file that it names, and checks that the domain can be built.
 * @throws CommandError, SourceError, FetchError
 */
export async function prepareDomain(
  options: CreateOptions,
  world: World,
): Promise<Required<PreparedDomain>> {
  const { file } = options;
  const text = await readConfigFile(file, Deno.cwd());
  const directory = configDirectory(file, Deno.cwd());
  const { config, effective, given, warnings } = readDomainConfig({ name: file, text }, options.overrides, {
    environment: hostEnvironment(Deno.env.toObject(), directory),
    strict: options.strict,
  });
  if (!options.quiet) { for (const warning of warnings) world.say(formatDiagnostic(warning).split("\n")[0]); }
  const devices = deviceDescriptions(config, directory);
  return { config, effective, given, devices, images: await readImages(config, world) };
}

/** @throws CommandError, SourceError, FetchError */
async function readImages(config: DomainConfig, world: World): Promise<DomainImages> {
  const files = await readDomainFiles(config, Deno.cwd(), world.apt, (name) => world.builtinGuest(name));
  const { ramdisk } = files;
  try {
    const kernel = parseKernel(files.kernel);
    const { placement } = planPv({ kernel, ramdisk }, config.memoryMiB * 256);
    if (placement.width !== 64) {
      throw new ImageError(
        "wrong-mode",
        `this is a ${kernel.modes.join(" and ")} kernel; only 64-bit PV runs today`,
      );
    }
    return { kernel, ramdisk };
  } catch (error) {
    if (error instanceof ImageError) {
      throw new CommandError(`kernel ${config.kernel}: ${error.message}`, "failed", { cause: error });
    }
    throw error;
  }
}

/** In one process a domain that would be kept or dumped before it starts again just starts again. */
const RESTARTS: readonly ShutdownAction[] = ["restart", "rename-restart", "coredump-restart"];

function restarts({ reason }: DomainEnd, config: DomainConfig): boolean {
  const action = reason === "poweroff"
    ? config.onPoweroff
    : reason === "reboot"
    ? config.onReboot
    : reason === "watchdog"
    ? config.onWatchdog
    : reason === "crash"
    ? config.onCrash
    : "destroy";
  return RESTARTS.includes(action);
}

/** A domain that ends sooner than this after its start is not started again (xl has the same rule). */
const MINIMUM_LIFE_MS = 1000;

/** Builds the domain. In a function of its own, so that nothing holds the images once it is built. */
async function createDomain(
  prepared: PreparedDomain,
  world: World,
  host: XenHost,
  consoleOutput: (bytes: Uint8Array) => void,
): Promise<RunningDomain> {
  const { config } = prepared;
  const { kernel, ramdisk } = prepared.images ?? await readImages(config, world);
  prepared.images = undefined;
  const spec: DomainSpec = {
    name: config.name,
    memoryMiB: config.memoryMiB,
    maxMemoryMiB: config.maxMemoryMiB,
    vcpus: config.vcpus,
    kernel,
    kernelName: config.kernel,
    ramdisk,
    ramdiskName: config.ramdisk,
    cmdline: config.cmdline,
    devices: prepared.devices,
    consoleOutput,
  };
  try {
    return await host.createDomain(spec);
  } catch (error) {
    if (error instanceof DeviceError) throw new CommandError(error.message, "failed", { cause: error });
    throw error;
  }
}

async function runOnce(
  prepared: PreparedDomain,
  options: CreateOptions,
  world: World,
  host: XenHost,
  pump: InputPump,
): Promise<DomainEnd | "left"> {
  let output: (bytes: Uint8Array) => void = () => {};
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // Awaited below; a fault after the domain's end has no one to tell.
  if (options.console) {
    output = (bytes) => {
      try {
        world.terminal.write(bytes);
      } catch (error) {
        failed.reject(error);
      }
    };
  }
  const domain = await createDomain(prepared, world, host, (bytes) => output(bytes));
  try {
    domain.unpause();
    const attached = options.console
      ? pump.attach(domain)
      : domain.ended.then((end) => ({ kind: "ended", end } as const));
    const result = await Promise.race([attached, failed.promise]);
    return result.kind === "left" ? "left" : result.end;
  } finally {
    output = () => {};
    await domain.destroy();
  }
}

/** Runs a prepared domain to its end, restarting it as its configuration says. Gives the exit code. */
export async function runDomain(
  prepared: PreparedDomain,
  options: CreateOptions,
  world: World,
): Promise<number> {
  const { name } = prepared.config;
  const { terminal } = world;
  const say = (line: string) => {
    if (!options.quiet) world.say(line);
  };
  const host = await world.startHost((domid, line) => {
    // On a terminal it would land in the middle of the guest's own screen.
    if (!terminal.interactive) say(`(d${domid}) ${line}`);
  });
  const pump = new InputPump(terminal);
  const raw = options.console && terminal.interactive;
  if (raw) say(`the console of ${name} follows; ^] leaves it`);
  else if (!options.console) say(`${name} runs in this process until it ends; create -c shows its console`);
  const restore = () => {
    if (raw) terminal.setRaw(false);
  };
  const stopWatching = restoreOnSignals(restore);
  try {
    if (raw) terminal.setRaw(true);
    // Not awaited: a read of standard input cannot be called back; the process ends around it.
    if (options.console) {
      pump.run().catch((error) => say(`standard input: ${error instanceof Error ? error.message : error}`));
    }
    for (;;) {
      const started = performance.now();
      const end = await runOnce(prepared, options, world, host, pump);
      if (end === "left") {
        restore();
        say(`left the console of ${name}; the domain lived in this process only and is destroyed`);
        return EXIT.ok;
      }
      const { code, words } = verdict(end.reason);
      if (end.registerDump !== undefined) {
        restore();
        world.say(end.registerDump);
      }
      const again = restarts(end, prepared.config);
      if (again && performance.now() - started >= MINIMUM_LIFE_MS) {
        say(`${name} ${words}; starting it again`);
        if (raw) terminal.setRaw(true);
        continue;
      }
      restore();
      say(again ? `${name} ${words} at once after its start; not starting it again` : `${name} ${words}`);
      return code;
    }
  } finally {
    restore();
    stopWatching();
    await host.stop();
  }
}

/** The domain that would be created. */
function describePlan(
  { config, effective, given, images }: Required<PreparedDomain>,
  format: CreateOptions["format"],
): string {
  if (format === "xl") return `${yajl(plannedConfig(effective, given))}\n`;
  const { kernel, ramdisk } = images;
  const { layout } = planPv({ kernel, ramdisk }, config.memoryMiB * 256);
  const usedMiB = Math.ceil(layout.end / 256);
  if (format === "json") {
    return `${
      JSON.stringify({ effective, modes: kernel.modes, guestOs: kernel.notes.guestOs, usedMiB }, undefined, 2)
    }\n`;
  }
  const rows: [string, string][] = [
    ["name", config.name],
    ["kernel", `${config.kernel} (${kernel.modes.join(", ")}; ${kernel.notes.guestOs ?? "unnamed"})`],
    ["ramdisk", config.ramdisk ?? "none"],
    ["command line", JSON.stringify(config.cmdline)],
    ["memory", `${config.memoryMiB} MiB (${usedMiB} MiB used at the start)`],
    ["vcpus", String(config.vcpus)],
    ["on_poweroff", config.onPoweroff],
    ["on_reboot", config.onReboot],
    ["on_crash", config.onCrash],
  ];
  return rows.map(([key, text]) => `${key.padEnd(12)} : ${text}\n`).join("");
}

/** The `create` command; gives the exit code. */
export async function create(options: CreateOptions, world: World): Promise<number> {
  const prepared = await prepareDomain(options, world);
  if (options.dryRun) {
    world.terminal.write(new TextEncoder().encode(describePlan(prepared, options.format)));
    return EXIT.ok;
  }
  return await runDomain(prepared, options, world);
}
