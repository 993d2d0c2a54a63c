/** xend as a process: lock, logs, host, sockets, signals. */
import { join } from "node:path";
import { startXenStoreSocket } from "../../dom0/mod.ts";
import { METRICS_PATH } from "../api/figures_routes.ts";
import { EXIT_LOCKED } from "../api/launch.ts";
import { type Listener, listenOnSocket, listenOnTcp } from "../api/listener.ts";
import { writeToken } from "../api/token.ts";
import type { XendStatus } from "../api/types.ts";
import { EXIT } from "../exit_codes.ts";
import { builtinGuest } from "../guests/builtin.ts";
import { cacheDirectory } from "../guests/cache.ts";
import { VERSION } from "../version.ts";
import { startXenHost } from "../xen_host.ts";
import { debugServices } from "./debug_services.ts";
import { deviceRecords, inspectDevices, watchDevices } from "./devices.ts";
import { FileSource } from "./domain_source.ts";
import { GuestLogs } from "./guest_logs.ts";
import { LockHeld, XendLock } from "./lock.ts";
import { XendLog } from "./log.ts";
import {
  apiSocket,
  lockFile,
  makeDirectories,
  PathError,
  tokenFile,
  type XendPaths,
  xenstoreSocket,
} from "./paths.ts";
import { StateStore } from "./state_store.ts";
import { Xend } from "./xend.ts";

export interface XendProcessOptions {
  readonly paths: XendPaths;
  /** pCPU workers; by default one for each core. */
  readonly pcpus?: number;
  /** Serves the API on 127.0.0.1 too; 0: a free port. */
  readonly httpPort?: number;
  /** Keeps what guests write to their consoles in files below the log folder. */
  readonly consoleLogs?: boolean;
  /** Serves metrics for Prometheus wherever the API is served. */
  readonly metrics?: boolean;
  /** Told what whoever started it should see. */
  readonly say: (line: string) => void;
}

/** Lines of Xen's log that are kept. */
const DMESG_LINES = 1000;
/** Domains get so long to power off when the system stops xend. */
const SIGNAL_GRACE_MS = 10_000;

/** Runs xend until it is stopped; gives the exit code. */
export async function runXend(options: XendProcessOptions): Promise<number> {
  const { paths, say } = options;
  let lock: XendLock;
  try {
    makeDirectories(paths);
    lock = await XendLock.take(lockFile(paths));
  } catch (error) {
    if (!(error instanceof LockHeld) && !(error instanceof PathError)) throw error;
    say(error.message);
    return error instanceof LockHeld ? EXIT_LOCKED : EXIT.error;
  }
  using _lock = lock;
  let xend: Xend | undefined;
  using log = new XendLog({
    path: join(paths.log, "xend.log"),
    onLine: (line) => xend?.events.emit({ type: "log", at: Date.now(), line }),
  });
  const dmesg: string[] = [];
  const host = await startXenHost({
    pcpus: options.pcpus,
    interpreterCache: join(cacheDirectory(), "interpreter"),
    xenConsole: (domid, line) => keepLine(dmesg, `(d${domid}) ${line}`),
    log: (line) => keepLine(dmesg, `(XEN) ${line}`),
  });
  // What was said before anybody listened.
  dmesg.splice(0, dmesg.length, ...host.host.xenLog.text.trimEnd().split("\n"));
  const running: Xend = xend = new Xend({
    host,
    log,
    devices: (domid) => deviceRecords(host.xenstore, domid),
    inspectDevices: (domid) => inspectDevices(host.xenstore, domid),
    debugKey: (key) => host.host.debugKeys(key),
    dmesg: () => dmesg.map((line) => `${line}\n`).join(""),
    clearDmesg: () => void dmesg.splice(0),
    ...(options.consoleLogs === true ? { guestLogs: new GuestLogs(paths.log, log) } : {}),
    state: new StateStore(paths.state),
    source: new FileSource({
      apt: { cache: cacheDirectory(), progress: (line) => log.info(line) },
      builtinGuest,
    }),
  });
  log.info(`xend ${VERSION} starts, with ${host.figures().pcpus} pCPUs`);
  for (const line of running.recover().said) say(line);

  watchDevices(host.xenstore, running.events);
  const { promise: stopped, resolve: onStopped } = Promise.withResolvers<void>();
  const stop = async (graceMs?: number) => {
    const destroyed = await running.stop(graceMs);
    // The reply to whoever asked leaves first.
    setTimeout(onStopped, 50);
    return destroyed;
  };
  const startedAt = Date.now();
  const status = (): XendStatus => ({
    pid: Deno.pid,
    startedAt,
    version: VERSION,
    api_socket: apiSocket(paths),
    xenstore_socket: xenstoreSocket(paths),
    state_directory: paths.state,
    log_directory: paths.log,
    domains: running.domainCount,
    ...(tcp === undefined ? {} : { tcp, token_file: tokenFile(paths) }),
    ...(options.metrics === true ? { metrics: METRICS_PATH } : {}),
  });
  let tcp: string | undefined;
  const api = {
    xend: running,
    xenstore: host.xenstore,
    debug: debugServices(host, running),
    metrics: options.metrics,
    status,
    stop,
  };
  const forget = onTrouble(log);
  const ignoreSignals = onSignals(() => {
    log.info("told to stop by a signal");
    stop(SIGNAL_GRACE_MS).catch((error) => say(`stopping: ${error}`));
  });
  const listeners: Listener[] = [];
  try {
    const xenstore = await startXenStoreSocket(host.xenstore, xenstoreSocket(paths));
    listeners.push({ close: () => Promise.resolve(xenstore.close()) });
    listeners.push(
      await listenOnSocket(api, apiSocket(paths)),
    );
    if (options.httpPort !== undefined) {
      const listener = await listenOnTcp(api, options.httpPort, writeToken(tokenFile(paths)));
      listeners.push({
        async close() {
          await listener.close();
          Deno.removeSync(tokenFile(paths));
        },
      });
      tcp = listener.address;
    }
    say(`xend runs with pid ${Deno.pid}; its socket is ${apiSocket(paths)}`);
    await stopped;
    return EXIT.ok;
  } finally {
    await running.stop(0);
    for (const listener of listeners) await listener.close();
    ignoreSignals();
    forget();
  }
}

function keepLine(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > DMESG_LINES) lines.splice(0, lines.length - DMESG_LINES);
}

/** An error that nobody expected ends one operation, not everybody's domains. */
function onTrouble(log: XendLog): () => void {
  const rejected = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    log.error(`internal error: ${event.reason instanceof Error ? event.reason.stack : event.reason}`);
  };
  const thrown = (event: ErrorEvent) => {
    event.preventDefault();
    log.error(`internal error: ${event.error instanceof Error ? event.error.stack : event.message}`);
  };
  globalThis.addEventListener("unhandledrejection", rejected);
  globalThis.addEventListener("error", thrown);
  return () => {
    globalThis.removeEventListener("unhandledrejection", rejected);
    globalThis.removeEventListener("error", thrown);
  };
}

function onSignals(handler: () => void): () => void {
  const signals = ["SIGTERM", "SIGINT"] as const;
  const ignored = () => {};
  for (const signal of signals) Deno.addSignalListener(signal, handler);
  // The terminal that xend was started from may go.
  Deno.addSignalListener("SIGHUP", ignored);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, handler);
    Deno.removeSignalListener("SIGHUP", ignored);
  };
}
