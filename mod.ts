/**
 * Xenolith: a Xen host in one executable.
 *
 * As a program this is the command line (`--help` tells). As a library it runs domains for a program, such as a guest's own tests:
 *
 * ```ts
 * import { Xen } from "./mod.ts";
 *
 * await using xen = await Xen.connect();
 * await using domain = await xen.domains.create({ name: "doc-guest", kernel: "builtin:echo", memory: 16 });
 * await domain.console.waitFor(/help for the commands/);
 * await domain.console.write("halt\n");
 * console.assert((await domain.ended).reason === "poweroff");
 * ```
 *
 * The engine runs in xend's process; importing this module loads none of it.
 */
export {
  type ConfigKeys,
  type ConfigValue,
  ConsoleTimeout,
  type CreateOptions,
  Domain,
  DomainConsole,
  type DomainEnd,
  Domains,
  type LaunchOptions,
  type WaitOptions,
  Xen,
} from "./core/toolstack/library/mod.ts";
export { type ConnectOptions, XendFailure } from "./core/toolstack/api/client.ts";
export type {
  DomainDetail,
  DomainState,
  DomainSummary,
  NodeInfo,
  ShutdownReason,
  XendEvent,
} from "./core/toolstack/api/types.ts";
export { VERSION } from "./core/toolstack/version.ts";

if (import.meta.main) {
  const { main } = await import("./core/toolstack/commands/mod.ts");
  // Ink and React are for `top` alone: Deno reads what a literal names before anything runs, 6 ms of each command.
  const script = import.meta.url.replace(/mod\.([jt]s)$/, "dashboard.$1");
  const code = await main(Deno.args, {
    dashboard: async (options) => {
      const { dashboard } = await import(script) as typeof import("./dashboard.ts");
      return await dashboard(options);
    },
  });
  Deno.exit(code);
}
