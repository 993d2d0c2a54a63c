/** The configuration file that a command line names. */
import { resolve } from "node:path";
import { decodeSource, NotText } from "../config/source.ts";
import { CommandError } from "./errors.ts";

async function readBytes(path: string, directory: string): Promise<Uint8Array> {
  if (path === "-") return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
  try {
    return await Deno.readFile(resolve(directory, path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new CommandError(`${path}: there is no such file`, "failed", { cause: error });
    }
    const reason = error instanceof Error ? error.message : error;
    throw new CommandError(`${path} cannot be read: ${reason}`, "failed", { cause: error });
  }
}

/**
 * @param path "-": standard input
 * @param directory where a relative path begins
 * @throws CommandError
 */
export async function readConfigFile(path: string, directory: string): Promise<string> {
  try {
    return decodeSource(await readBytes(path, directory));
  } catch (error) {
    if (!(error instanceof NotText)) throw error;
    throw new CommandError(`${path} is not a configuration file: ${error.message}`, "failed", {
      cause: error,
    });
  }
}

/** Where relative paths in it begin. */
export function configDirectory(path: string, directory: string): string {
  return path === "-" ? directory : resolve(directory, path, "..");
}
