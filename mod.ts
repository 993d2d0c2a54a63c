/**
 * Xenolith: a Xen host in one executable.
 *
 * As a program this is the command line (`--help` tells). As a library it gives what a test of one's own guest
 * needs: read a configuration, start a host, create a domain, talk to its console.
 */
import { main } from "./core/toolstack/commands/mod.ts";

export { ImageError, type KernelImage, parseKernel } from "./core/builder/mod.ts";
export { ConfigError, type DomainConfig, readDomainConfig } from "./core/toolstack/config/mod.ts";
export type { DomainEnd, DomainSpec, RunningDomain, XenHost } from "./core/toolstack/host.ts";
export { VERSION } from "./core/toolstack/version.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
