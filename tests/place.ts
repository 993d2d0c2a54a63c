/** A xend of one's own, in folders of its own, with the commands that use it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "./session.ts";

/** The configuration of the built-in guest. */
export const BUILTIN = "configs/builtin.cfg";

/** What makes commands use a xend in a folder of one's own. */
export const xendEnvironment = (folder: string): Readonly<Record<string, string>> => ({
  XENOLITH_STATE_DIR: join(folder, "state"),
  XENOLITH_LOG_DIR: join(folder, "log"),
  XENOLITH_RUN_DIR: join(folder, "run"),
  XENOLITH_IN_PROCESS: "0",
});

export class Place implements AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;

  constructor(readonly folder: string, more: Readonly<Record<string, string>> = {}) {
    this.environment = { ...more, ...xendEnvironment(folder) };
  }

  static async make(more: Readonly<Record<string, string>> = {}): Promise<Place> {
    return new Place(await Deno.makeTempDir({ prefix: "commands-" }), more);
  }

  /** Runs a command line as a program of that name and asserts its exit code. */
  as(name: string) {
    return async (line: string, code = 0, input = "") => {
      const words = line.split(" ");
      const result = await run(words, input, { ...this.environment, XENOLITH_AS: name }, 90);
      assert.equal(result.code, code, `${name} ${line}: ${result.stdout}${result.stderr}`);
      return result;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(["xend", "stop"], "", this.environment);
    await Deno.remove(this.folder, { recursive: true });
  }
}
