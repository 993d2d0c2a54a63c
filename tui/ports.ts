/** What the dashboard reaches the world through; mod.ts gives it the real ones, tests their own. It knows nothing else of the program. */
import type { DomainInspection, MachineFigures } from "../core/toolstack/api/figures.ts";
import type { ConsoleConnection, EventSubscription } from "../core/toolstack/api/client.ts";
import type { DomainDetail, DomainSummary, XendEvent } from "../core/toolstack/api/types.ts";

/** xend's client as far as the dashboard uses it. Each call throws XendFailure; one with the code "not-running" means that xend is gone. */
export interface DashboardXend {
  figures(): Promise<MachineFigures>;
  inspect(id: string | number): Promise<DomainInspection>;
  detail(id: string | number): Promise<DomainDetail>;
  /** Managed domains that do not run, too. */
  list(all?: boolean): Promise<DomainSummary[]>;
  log(): Promise<string>;
  consoleOutput(id: string | number, follow?: boolean): Promise<AsyncIterable<Uint8Array>>;
  attachConsole(id: string | number, history?: boolean): Promise<ConsoleConnection>;
  followEvents(
    types?: readonly XendEvent["type"][],
    watches?: readonly string[],
  ): Promise<EventSubscription>;
}

/** What a command line did. */
export interface CommandResult {
  readonly code: number;
  /** Standard output and error, as they came. */
  readonly output: string;
}

/** The terminal, in bytes. */
export interface DashboardTerminal {
  /** Input as it comes; one reader at a time. */
  input(): AsyncIterable<Uint8Array>;
  write(text: string): void;
  size(): { readonly columns: number; readonly rows: number };
  /** @returns what ends the listening */
  onResize(listener: () => void): () => void;
  setRaw(raw: boolean): void;
  /** Stops this job as ^Z does in other programs. @returns when it goes on; soon, where nobody controls jobs */
  stop(): Promise<void>;
}

export interface DashboardOptions {
  readonly delaySeconds: number;
  /** Iterations, then it ends; 0: none. */
  readonly iterations: number;
  readonly readOnly: boolean;
  readonly networks: boolean;
  readonly vbds: boolean;
  readonly vcpus: boolean;
  readonly repeatHeader: boolean;
  readonly fullName: boolean;
  readonly theme?: string;
  /** Only ASCII, whatever the locale says. */
  readonly ascii: boolean;
}

export interface DashboardPorts {
  /** Connects; the dashboard calls it again when xend was lost. */
  connect(): Promise<DashboardXend>;
  /** Runs a command line of this program (`["pause", "guest"]`): every action is one, and the command log shows it. */
  run(words: readonly string[]): Promise<CommandResult>;
  /** Configuration files that `create` may be offered: those of the working directory and of configs/. */
  configurations(): Promise<readonly string[]>;
  readonly terminal: DashboardTerminal;
  readonly environment: { get(name: string): string | undefined };
  /** Milliseconds since the epoch. */
  now(): number;
}

export type RunDashboard = (ports: DashboardPorts, options: DashboardOptions) => Promise<number>;
