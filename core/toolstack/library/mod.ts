/** What a program that runs domains uses; the engine is in xend's process, so nothing here is heavy. */
export { type ConfigKeys, type ConfigValue } from "./config_text.ts";
export { ConsoleTimeout, DomainConsole, type WaitOptions } from "./console.ts";
export { Domain, type DomainEnd } from "./domain.ts";
export { type CreateOptions, Domains, type LaunchOptions, Xen } from "./xen.ts";
