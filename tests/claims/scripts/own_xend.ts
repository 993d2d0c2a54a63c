/** A xend in a claim's folder, and the commands that use it. */
import { xendEnvironment } from "../../place.ts";
import { run } from "../../session.ts";

const SECONDS = 240;

export class OwnXend implements AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;

  constructor(folder: string) {
    this.environment = xendEnvironment(folder);
  }

  /** @returns what it printed. @throws Error when it fails */
  async xenolith(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(args, "", this.environment, SECONDS);
    if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  async status(): Promise<{ pid: number; xenstore_socket: string }> {
    return JSON.parse(await this.xenolith("xend", "status", "--json"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(["xend", "stop"], "", this.environment);
  }
}
