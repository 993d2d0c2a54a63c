/** What the figures themselves give reason to say; each once, until it is over. */
import type { Samples } from "./samples.ts";
import type { DomainRow, Notice } from "./types.ts";

/** Samples in a row at the cap. */
const AT_CAP_SAMPLES = 3;
const AT_CAP = 0.95;
const BELOW_CAP = 0.8;

/** Of the host's memory that is free. */
const NEARLY_FULL = 0.05;
const ROOM_AGAIN = 0.08;

interface Watched {
  readonly domid: number;
  atCap: number;
  isTold: boolean;
  isCrashed: boolean;
}

export class Alerts {
  #domains = new Map<string, Watched>();
  #isFull = false;
  #isFirst = true;

  /** @param samples regular ones only */
  look({ host, rows }: Samples): Notice[] {
    const { at, node } = host.figures;
    const notices: Notice[] = [];
    const domains = new Map<string, Watched>();
    for (const row of rows) {
      const { uuid, domid } = row.figures;
      const known = this.#domains.get(uuid);
      const watched = known?.domid === domid ? known : { domid, atCap: 0, isTold: false, isCrashed: false };
      domains.set(uuid, watched);
      notices.push(...this.#domain(row, watched, at));
    }
    this.#domains = domains;
    this.#isFirst = false;
    const free = node.freeMemoryKiB / node.totalMemoryKiB;
    if (!this.#isFull && free < NEARLY_FULL) {
      const text = `memory is nearly full: ${Math.floor(node.freeMemoryKiB / 1024)} MiB free`;
      notices.push({ at, severity: "warning", text });
    }
    this.#isFull = free < (this.#isFull ? ROOM_AGAIN : NEARLY_FULL);
    return notices;
  }

  #domain({ figures, rates }: DomainRow, watched: Watched, at: number): Notice[] {
    const { name, cap, state } = figures;
    const notices: Notice[] = [];
    // Later crashes come as events.
    if (state.crashed && !watched.isCrashed && this.#isFirst) {
      notices.push({ at, severity: "alert", domain: name, text: "is crashed" });
    }
    watched.isCrashed = state.crashed;
    watched.atCap = cap > 0 && rates.cpuPercent >= AT_CAP * cap ? watched.atCap + 1 : 0;
    if (watched.atCap >= AT_CAP_SAMPLES && !watched.isTold) {
      watched.isTold = true;
      notices.push({ at, severity: "warning", domain: name, text: `is held back by its cap of ${cap} %` });
    }
    if (cap === 0 || rates.cpuPercent < BELOW_CAP * cap) watched.isTold = false;
    return notices;
  }
}
