/** What the views show: made by the model from figures and events, never from the terminal. Plain data, new objects for what changed. */
import type { DomainFigures, MachineFigures, PcpuFigures } from "../../core/toolstack/api/figures.ts";
import type { Rates } from "../../core/toolstack/format/rates.ts";

/** A figure's past, oldest first: one number a sample, NaN where there was none. */
export type Series = readonly number[];

export type { Rates };

export interface DomainRow {
  readonly figures: DomainFigures;
  readonly rates: Rates;
  /** Of the vCPUs, by id: per cent of one pCPU. */
  readonly vcpuPercent: readonly number[];
  /** Per cent of one pCPU; KiB; bytes a second in both directions together. */
  readonly history: {
    readonly cpu: Series;
    readonly memory: Series;
    readonly network: Series;
    readonly disk: Series;
  };
}

export interface HostView {
  readonly figures: MachineFigures;
  readonly pcpus: readonly (PcpuFigures & {
    readonly busyPercent: number;
    readonly history: Series;
    /** Name of the domain that it runs. */
    readonly name?: string;
  })[];
  readonly history: {
    /** Of all pCPUs together, 0 to 100. */
    readonly cpu: Series;
    /** KiB in use. */
    readonly memory: Series;
    readonly network: Series;
    readonly disk: Series;
  };
}

/** A state change or something to look at. */
export interface Notice {
  readonly at: number;
  readonly severity: "info" | "warning" | "alert";
  readonly domain?: string;
  readonly text: string;
}

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected" }
  /** xend is gone; the last figures stay on the screen, marked as old. */
  | { readonly kind: "lost"; readonly since: number; readonly message: string };

/** All that comes from xend. */
export interface Snapshot {
  readonly connection: Connection;
  readonly host?: HostView;
  /** In xend's order: Domain-0, then by domid. */
  readonly rows: readonly DomainRow[];
  /** Latest last, at most 500. */
  readonly notices: readonly Notice[];
}

/** What a command line did, for the command log. */
export interface LoggedCommand {
  readonly at: number;
  /** "xenolith pause guest" */
  readonly line: string;
  readonly state: "running" | "done" | "failed";
  readonly output: string;
}
