/** The images that disks show, and who has them: two writers would destroy a file system, and a reader beside one would see nonsense (Xen's block script asks for the same). */
import { type BlockImage, RawImage } from "../block/mod.ts";
import type { DiskDescription } from "../xenstore/devices.ts";
import { DeviceError } from "./device_error.ts";

export class Images {
  /** By the file's identity: for each that has it open, whether it writes. */
  readonly #users = new Map<string, boolean[]>();

  /** @throws DeviceError image, unsupported */
  open(disk: DiskDescription): BlockImage {
    const { target, vdev, readOnly = false, backendDomid = 0 } = disk;
    if (backendDomid !== 0) {
      throw new DeviceError(
        "unsupported",
        `disk ${vdev}: only Domain-0 serves disks, not domain ${backendDomid}`,
      );
    }
    let image: RawImage;
    try {
      image = RawImage.open(target, readOnly);
    } catch (error) {
      throw new DeviceError("image", `disk ${vdev}: ${target}: ${words(error)}`, { cause: error });
    }
    const users = this.#users.get(image.identity) ?? [];
    if (users.length > 0 && (!readOnly || users.includes(true))) {
      image.close();
      const how = users.includes(true) ? "is written by another disk" : "is read by another disk";
      throw new DeviceError(
        "image",
        `disk ${vdev}: ${target} ${how}; mode r lets several disks share an image`,
      );
    }
    this.#users.set(image.identity, [...users, !readOnly]);
    return new SharedImage(image, () => this.#release(image.identity, !readOnly));
  }

  #release(identity: string, writes: boolean): void {
    const users = this.#users.get(identity) ?? [];
    const rest = users.toSpliced(users.indexOf(writes), 1);
    if (rest.length === 0) this.#users.delete(identity);
    else this.#users.set(identity, rest);
  }
}

/** An image that tells when it is let go of. */
class SharedImage implements BlockImage {
  #isOpen = true;

  constructor(private readonly image: BlockImage, private readonly onClose: () => void) {}

  get sectors(): number {
    return this.image.sectors;
  }

  get readOnly(): boolean {
    return this.image.readOnly;
  }

  read(sector: number, into: Uint8Array): Promise<void> {
    return this.image.read(sector, into);
  }

  write(sector: number, from: Uint8Array): Promise<void> {
    return this.image.write(sector, from);
  }

  flush(): Promise<void> {
    return this.image.flush();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.image.close();
    this.onClose();
  }
}

function words(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not open it";
  return error instanceof Error ? error.message.replace(/: open '.*'$/, "") : String(error);
}
