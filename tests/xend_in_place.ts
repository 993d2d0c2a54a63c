/** A xend of a test's own, in a temporary directory; the test or what it runs starts it. */
import { join } from "node:path";
import { XendClient, XendFailure } from "../core/toolstack/api/client.ts";
import type { CreateRequest } from "../core/toolstack/api/types.ts";
import type { XendPaths } from "../core/toolstack/xend/paths.ts";

/** With the place of a xend, which is stopped when the test has ended. */
export async function inPlace(test: (paths: XendPaths) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "xend-" });
  const paths = { state: join(directory, "state"), log: join(directory, "log"), run: directory };
  try {
    await test(paths);
  } finally {
    await stop(paths);
    await Deno.remove(directory, { recursive: true });
  }
}

/** Until its process has ended. */
async function stop(paths: XendPaths): Promise<void> {
  try {
    using client = await XendClient.connect({ paths });
    const { pid } = await client.status();
    await client.stop(0);
    await ended(pid);
  } catch (error) {
    if (!(error instanceof XendFailure) || error.code !== "not-running") throw error;
  }
}

/** Until a process is gone. */
export async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      // A zombie, whose parent is gone, has no command line.
      if (Deno.readTextFileSync(`/proc/${pid}/cmdline`) === "") return;
    } catch (error) {
      const isGone = error instanceof Deno.errors.NotFound ||
        error instanceof Error && /No such process/.test(error.message);
      if (isGone) return;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A request for the built-in guest. */
export const echo = (name: string, more: Partial<CreateRequest> = {}): CreateRequest => ({
  fileName: "echo.cfg",
  text: `name = "${name}"\nkernel = "builtin:echo"\nmemory = 16\n`,
  overrides: [],
  directory: "/",
  paused: false,
  defineOnly: false,
  environment: {},
  ...more,
});
