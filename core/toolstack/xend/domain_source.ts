/** From a request to a domain that can be built: the configuration, and the files that it names. */
import { ImageError, type KernelImage, planPv, readKernel } from "../../builder/mod.ts";
import type { CreateRequest } from "../api/types.ts";
import {
  ConfigError,
  type DomainConfig,
  formatDiagnostic,
  hostEnvironment,
  readDomainConfig,
} from "../config/mod.ts";
import { type AptOptions, FetchError } from "../guests/apt.ts";
import { readDomainFiles } from "../guests/domain_files.ts";
import { SourceError } from "../guests/kernel_source.ts";
import { XendError } from "./errors.ts";

export interface DomainImages {
  readonly kernel: KernelImage;
  readonly ramdisk?: Uint8Array;
}

/** What xend acts on when a domain ends (xl.cfg(5), "Event Actions"). */
export type EndAction =
  | "destroy"
  | "restart"
  | "rename-restart"
  | "preserve"
  | "coredump-destroy"
  | "coredump-restart"
  | "soft-reset";

export interface DomainSettings {
  readonly config: DomainConfig;
  readonly actions: {
    readonly poweroff: EndAction;
    readonly reboot: EndAction;
    readonly crash: EndAction;
    readonly watchdog: EndAction;
    readonly softReset: EndAction;
  };
  /** Of a domain that was running when xend was killed, or of a managed one: xend starts it when it starts. */
  readonly startWithXend: boolean;
  /** What `config show` prints as "effective". */
  readonly effective: unknown;
  readonly warnings: readonly string[];
}

/** Where configurations and images come from; tests have their own. */
export interface DomainSource {
  /** @throws XendError bad-config */
  read(request: CreateRequest): DomainSettings;
  /** @throws XendError bad-image */
  images(config: DomainConfig, directory: string): Promise<DomainImages>;
}

export interface FileSourceOptions {
  readonly apt: AptOptions;
  builtinGuest(name: string): Uint8Array | undefined;
}

export class FileSource implements DomainSource {
  constructor(private readonly options: FileSourceOptions) {}

  read(request: CreateRequest): DomainSettings {
    try {
      const { config, effective, warnings } = readDomainConfig(
        { name: request.fileName, text: request.text },
        request.overrides,
        { environment: hostEnvironment(request.environment, request.directory), strict: request.strict },
      );
      return {
        config,
        actions: {
          poweroff: config.onPoweroff,
          reboot: config.onReboot,
          crash: config.onCrash,
          watchdog: config.onWatchdog,
          softReset: config.onSoftReset,
        },
        startWithXend: config.startWithXend,
        effective,
        warnings: warnings.map((warning) => formatDiagnostic(warning).split("\n")[0]),
      };
    } catch (error) {
      if (error instanceof ConfigError) throw new XendError("bad-config", error.message, { cause: error });
      throw error;
    }
  }

  async images(config: DomainConfig, directory: string): Promise<DomainImages> {
    const { apt, builtinGuest } = this.options;
    try {
      const files = await readDomainFiles(config, directory, apt, builtinGuest);
      const { ramdisk } = files;
      const kernel = await readKernel(files.kernel);
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
        throw new XendError("bad-image", `kernel ${config.kernel}: ${error.message}`, { cause: error });
      }
      if (error instanceof SourceError || error instanceof FetchError) {
        throw new XendError("bad-image", error.message, { cause: error });
      }
      throw error;
    }
  }
}
