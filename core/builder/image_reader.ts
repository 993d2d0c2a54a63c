/** Kernel images are unpacked in a worker of their own, one after the other: a thread that has others to serve goes on meanwhile. */
import { workerScript } from "../hypervisor/worker_script.ts";
import { ImageError, type ImageErrorKind } from "./errors.ts";
import { isElf } from "./identify.ts";
import { type KernelImage, parseKernel } from "./kernel.ts";

/** What the worker answers. */
export type ImageReply =
  | { readonly kind: "image"; readonly image: KernelImage }
  | { readonly kind: "refused"; readonly why: { readonly kind: ImageErrorKind; readonly message: string } };

const SCRIPT = workerScript(import.meta.url, "core/builder/image_reader.ts", "core/builder/image_worker.ts");

let last: Promise<unknown> = Promise.resolve();

/**
 * `parseKernel` without its time. A plain ELF file, of which only headers are read, is not worth a worker.
 * @param file not to be used afterwards: the worker may have its buffer then
 * @throws ImageError
 */
export async function readKernel(file: Uint8Array): Promise<KernelImage> {
  if (isElf(file)) return parseKernel(file);
  // Each takes up to a gigabyte.
  const read = () => readInWorker(file);
  const result = last.then(read, read);
  last = result.catch(() => {});
  return await result;
}

/** A buffer of these bytes alone, which can be handed over. */
function ownBuffer(file: Uint8Array): ArrayBuffer {
  const { buffer, byteLength } = file;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isOwn ? buffer : new Uint8Array(file).buffer;
}

async function readInWorker(file: Uint8Array): Promise<KernelImage> {
  const worker = new Worker(SCRIPT, { type: "module", name: "image", deno: { permissions: "none" } });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<ImageReply>();
    worker.onmessage = ({ data }: MessageEvent<ImageReply>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`unpacking the kernel: ${event.message}`));
    };
    worker.onmessageerror = () => reject(new Error("unpacking the kernel: its reply cannot be read"));
    // Starting it took this thread tens of milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const buffer = ownBuffer(file);
    worker.postMessage(buffer, [buffer]);
    const reply = await promise;
    if (reply.kind === "refused") throw new ImageError(reply.why.kind, reply.why.message);
    return reply.image;
  } finally {
    worker.terminate();
  }
}
