/** ext4 images that guests mount, made and judged by Debian's e2fsprogs: nothing is installed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { packagedFile } from "../core/toolstack/guests/apt.ts";
import { cacheDirectory } from "../core/toolstack/guests/cache.ts";

/** Where Debian's releases have them. */
const LIBRARIES = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const PROGRAMS = ["sbin", "usr/sbin"];

async function fetched(
  packages: readonly string[],
  [path, ...otherPaths]: readonly string[],
): Promise<string> {
  return await packagedFile({ packages, path, otherPaths }, {
    cache: cacheDirectory(),
    progress: console.error,
  });
}

export class ExtTools {
  private constructor(readonly folder: string, private readonly libraries: readonly string[]) {}

  /** @throws FetchError */
  static async fetch(): Promise<ExtTools> {
    const libraries: string[] = [];
    for (
      const names of [["libext2fs2", "libext2fs2t64"], ["libcom-err2"], ["libblkid1"], ["libuuid1"], [
        "libss2",
      ]]
    ) {
      libraries.push(await fetched(names, LIBRARIES));
    }
    return new ExtTools(await fetched(["e2fsprogs"], PROGRAMS), libraries);
  }

  async #run(program: string, args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(join(this.folder, program), {
      args: [...args],
      env: { LD_LIBRARY_PATH: this.libraries.join(":") },
    }).output();
    const text = new TextDecoder();
    assert.equal(code, 0, `${program} ${args.join(" ")}: ${text.decode(stdout)}${text.decode(stderr)}`);
    return text.decode(stdout);
  }

  /** A file system with what is in a folder. */
  async make(image: string, mebibytes: number, contents: string): Promise<void> {
    await this.#run("mke2fs", ["-q", "-t", "ext4", "-d", contents, image, `${mebibytes}M`]);
  }

  /** Asserts that it was left in order. */
  async check(image: string): Promise<void> {
    await this.#run("e2fsck", ["-f", "-n", image]);
  }

  /** Copies a file out of it. */
  async extract(image: string, file: string, to: string): Promise<void> {
    await this.#run("debugfs", ["-R", `dump ${file} ${to}`, image]);
  }
}
