/** ext4 images that guests mount, made and judged by Debian's e2fsprogs: nothing is installed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fetched, libraryFolder } from "./debian_files.ts";

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
      libraries.push(await libraryFolder(names));
    }
    return new ExtTools(
      await fetched({ packages: ["e2fsprogs"], path: "sbin", otherPaths: ["usr/sbin"] }),
      libraries,
    );
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
