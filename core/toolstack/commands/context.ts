/** What commands reach the world through; tests give their own. */
import type { XendClient } from "../api/client.ts";
import type { Terminal } from "../console/terminal.ts";

/** Whose bytes are printed: by the name that the program was called by. */
export type Dialect = "xenolith" | "xm" | "xl";

/** What commands use of xend's client. */
export type Xend = Pick<XendClient, keyof XendClient>;

/** How `top` was called, for the dashboard. */
export interface DashboardOptions {
  readonly delaySeconds: number;
  /** Then it ends; 0: it goes on. */
  readonly iterations: number;
  readonly readOnly: boolean;
  readonly networks: boolean;
  readonly vbds: boolean;
  readonly vcpus: boolean;
  readonly repeatHeader: boolean;
  readonly fullName: boolean;
  readonly theme?: string;
  readonly ascii: boolean;
}

/** Runs the dashboard on the process's terminal until the user leaves; gives the exit code. */
export type Dashboard = (options: DashboardOptions) => Promise<number>;

export interface Context {
  readonly dialect: Dialect;
  /** Standard output. @throws OutputClosed when nobody reads it any more */
  print(text: string): void;
  /** A line on standard error. */
  say(line: string): void;
  /** Standard error, as it is. */
  sayRaw(text: string): void;
  /** xend, started where there is none. @throws XendFailure */
  xend(): Promise<Xend>;
  /** xend when it runs. */
  runningXend(): Promise<Xend | undefined>;
  terminal(): Promise<Terminal>;
  /** Absent where the program comes without it: this layer does not know it. */
  readonly dashboard?: Dashboard;
  readonly environment: { get(name: string): string | undefined; toObject(): Record<string, string> };
  readonly directory: string;
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}
