/** Samples of the figures as what the views show: rates, pasts, one row a domain. It keeps as much as lives, for as long as it lives. */
import type { DomainFigures, MachineFigures } from "../../core/toolstack/api/figures.ts";
import {
  busyPercent,
  isSameLife,
  NO_RATES,
  ratesBetween,
  vcpuPercents,
} from "../../core/toolstack/format/rates.ts";
import { append, HISTORY_LENGTH } from "./series.ts";
import { share, shareParts } from "./sharing.ts";
import type { DomainRow, HostView, Rates, Series } from "./types.ts";

export interface Samples {
  readonly host: HostView;
  readonly rows: readonly DomainRow[];
}

type Past = DomainRow["history"];

const NO_PAST: Past = { cpu: [], memory: [], network: [], disk: [] };

const networkOf = ({ netTx, netRx }: Rates) => netTx + netRx;
const diskOf = ({ vbdReadBytes, vbdWriteBytes }: Rates) => vbdReadBytes + vbdWriteBytes;

const isSameXend = (a: MachineFigures, b: MachineFigures) =>
  a.xendPid === b.xendPid && a.xendStartedAt === b.xendStartedAt;

interface Moment {
  readonly figures: MachineFigures;
  readonly base: MachineFigures | undefined;
  /** Since the base; 0: there is none. */
  readonly seconds: number;
  readonly hasPlace: boolean;
}

export class SampleKeeper {
  #latest: Samples | undefined;
  /** The last that had its place in the histories: rates are made from it, as long as the next has none. */
  #base: MachineFigures | undefined;
  #wasLost = false;

  constructor(private readonly capacity = HISTORY_LENGTH) {}

  get latest(): Samples | undefined {
    return this.#latest;
  }

  /** xend was lost: the histories have a gap here. */
  interrupt(): void {
    this.#wasLost = true;
  }

  /** @param isRegular false for a look between two regular ones: it has no place in the histories, and rates stay */
  add(sample: MachineFigures, isRegular = true): Samples {
    if (this.#base !== undefined && !isSameXend(this.#base, sample)) this.#base = undefined;
    const seconds = this.#base === undefined ? 0 : (sample.clock - this.#base.clock) / 1000;
    const before = this.#latest;
    const old = new Map(before?.rows.map((row) => [row.figures.uuid, row]));
    const figures: MachineFigures = {
      ...sample,
      node: share(before?.host.figures.node, sample.node),
      domains: sample.domains.map((domain) => share(old.get(domain.uuid)?.figures, domain)),
    };
    const moment: Moment = {
      figures,
      base: this.#base,
      seconds,
      // A clock that did not move would divide by nothing.
      hasPlace: this.#base === undefined || (isRegular && seconds > 0),
    };
    const rows = this.#rows(moment, old);
    this.#latest = { host: this.#host(moment, rows), rows };
    if (moment.hasPlace) {
      this.#base = figures;
      this.#wasLost = false;
    }
    return this.#latest;
  }

  #rows(moment: Moment, old: ReadonlyMap<string, DomainRow>): readonly DomainRow[] {
    const base = new Map(moment.base?.domains.map((domain) => [domain.uuid, domain]));
    const rows = moment.figures.domains.map((domain) => {
      const before = old.get(domain.uuid);
      const isSame = before !== undefined && isSameLife(before.figures, domain);
      return this.#row(domain, isSame ? before : undefined, base.get(domain.uuid), moment);
    });
    const latest = this.#latest?.rows;
    const isSame = latest?.length === rows.length && latest.every((row, index) => row === rows[index]);
    return isSame ? latest : rows;
  }

  #row(
    figures: DomainFigures,
    before: DomainRow | undefined,
    base: DomainFigures | undefined,
    { seconds, hasPlace }: Moment,
  ): DomainRow {
    if (before !== undefined && !hasPlace) return shareParts(before, { ...before, figures });
    const isFirst = base === undefined || seconds === 0 || !isSameLife(base, figures);
    const rates = share(before?.rates, isFirst ? NO_RATES : ratesBetween(base, figures, seconds));
    const percents = vcpuPercents(isFirst ? undefined : base, figures, seconds);
    const past = before?.history ?? NO_PAST;
    const history = hasPlace ? this.#past(past, figures.memoryKiB, isFirst ? undefined : rates) : past;
    return shareParts(before, { figures, rates, vcpuPercent: share(before?.vcpuPercent, percents), history });
  }

  #host({ figures, base, seconds, hasPlace }: Moment, rows: readonly DomainRow[]): HostView {
    const before = this.#latest?.host;
    const names = new Map(figures.domains.map(({ domid, name }) => [domid, name]));
    const isFirst = seconds === 0;
    const pcpus = figures.pcpus.map((pcpu) => {
      const shown = before?.pcpus.find(({ id }) => id === pcpu.id);
      const name = pcpu.runs === undefined ? undefined : names.get(pcpu.runs.domid);
      const past = shown?.history ?? [];
      if (!hasPlace) return { ...pcpu, name, busyPercent: shown?.busyPercent ?? 0, history: past };
      const busy = busyPercent(base?.pcpus.find(({ id }) => id === pcpu.id), pcpu, seconds);
      return { ...pcpu, name, busyPercent: busy, history: this.#append(past, isFirst ? NaN : busy) };
    });
    const online = pcpus.filter(({ state }) => state !== "offline");
    const cpu = online.reduce((sum, pcpu) => sum + pcpu.busyPercent, 0) / Math.max(1, online.length);
    const total = (of: (rates: Rates) => number) => rows.reduce((sum, { rates }) => sum + of(rates), 0);
    const { totalMemoryKiB, freeMemoryKiB } = figures.node;
    const past = before?.history ?? NO_PAST;
    const rates = { cpu, network: total(networkOf), disk: total(diskOf) };
    const history = hasPlace
      ? this.#extend(past, totalMemoryKiB - freeMemoryKiB, isFirst ? undefined : rates)
      : past;
    return { figures, pcpus, history };
  }

  #past(past: Past, memory: number, rates: Rates | undefined): Past {
    if (rates === undefined) return this.#extend(past, memory, undefined);
    return this.#extend(past, memory, {
      cpu: rates.cpuPercent,
      network: networkOf(rates),
      disk: diskOf(rates),
    });
  }

  /** @param rates undefined: a first sample has none */
  #extend(
    past: Past,
    memory: number,
    rates: { readonly cpu: number; readonly network: number; readonly disk: number } | undefined,
  ): Past {
    return shareParts(past, {
      cpu: this.#append(past.cpu, rates?.cpu ?? NaN),
      memory: this.#append(past.memory, memory),
      network: this.#append(past.network, rates?.network ?? NaN),
      disk: this.#append(past.disk, rates?.disk ?? NaN),
    });
  }

  #append(series: Series, value: number): Series {
    const gapped = this.#wasLost && series.length > 0 ? append(series, NaN, this.capacity) : series;
    return append(gapped, value, this.capacity);
  }
}
