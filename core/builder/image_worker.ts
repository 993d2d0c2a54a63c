/** The script of a worker that unpacks one kernel image: tens of megabytes, which its starter does not wait for. */
/// <reference lib="deno.worker" />
import { ImageError } from "./errors.ts";
import type { ImageReply } from "./image_reader.ts";
import { parseKernel } from "./kernel.ts";

self.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
  try {
    const image = parseKernel(new Uint8Array(data));
    const { buffer } = image.elf.bytes;
    if (!(buffer instanceof ArrayBuffer)) throw new Error("the image lies in shared memory");
    // Its notes lie in the same buffer.
    self.postMessage({ kind: "image", image } satisfies ImageReply, [buffer]);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { kind, message } = error;
    self.postMessage({ kind: "refused", why: { kind, message } } satisfies ImageReply);
  }
};
