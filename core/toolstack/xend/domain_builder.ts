/** Builds domains, one at a time: building takes most of this thread, and images tens of megabytes. */
import { ImageError } from "../../builder/mod.ts";
import type { DeviceDescription } from "../../dom0/mod.ts";
import { type ControlledDomain, type ControlledHost, DeviceError } from "../host.ts";
import { applyScheduling } from "./controls.ts";
import { refusal } from "./device_operations.ts";
import { deviceDescriptions } from "./device_source.ts";
import type { DomainEntry } from "./domain_entry.ts";
import type { DomainImages, DomainSource } from "./domain_source.ts";
import { XendError } from "./errors.ts";

export class DomainBuilder {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly host: ControlledHost,
    private readonly source: DomainSource,
    private readonly consoleOutput: (entry: DomainEntry, bytes: Uint8Array) => void,
  ) {}

  /** A domain as its configuration says, paused. Nothing is left behind when it throws. @throws XendError */
  async build(entry: DomainEntry, warnings: string[]): Promise<ControlledDomain> {
    const { config } = entry.settings;
    const { directory } = entry.request;
    const devices = entry.devices ?? deviceDescriptions(config, directory);
    const images = await this.source.images(config, directory);
    const create = () => this.#create(entry, images, devices);
    const result = this.#last.then(create, create);
    this.#last = result.catch(() => {});
    const domain = await result;
    try {
      warnings.push(...applyScheduling(domain, config, this.host.figures().pcpus));
      entry.devices = devices;
      return domain;
    } catch (error) {
      await domain.destroy();
      throw error;
    }
  }

  async #create(
    entry: DomainEntry,
    images: DomainImages,
    devices: readonly DeviceDescription[],
  ): Promise<ControlledDomain> {
    const { config } = entry.settings;
    try {
      return await this.host.createDomain({
        name: entry.name,
        uuid: entry.uuid,
        memoryMiB: config.memoryMiB,
        maxMemoryMiB: config.maxMemoryMiB,
        vcpus: config.maxVcpus,
        onlineVcpus: config.vcpus,
        kernel: images.kernel,
        kernelName: config.kernel,
        ramdisk: images.ramdisk,
        ramdiskName: config.ramdisk,
        cmdline: config.cmdline,
        devices,
        consoleOutput: (bytes) => this.consoleOutput(entry, bytes),
      });
    } catch (error) {
      if (error instanceof ImageError) {
        throw new XendError("bad-image", `kernel ${config.kernel}: ${error.message}`, { cause: error });
      }
      if (error instanceof DeviceError) throw refusal(error);
      if (error instanceof RangeError) {
        throw new XendError("no-memory", `${entry.name} cannot be created: ${error.message}`, {
          cause: error,
        });
      }
      throw error;
    }
  }
}
