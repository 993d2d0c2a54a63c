/** What there is on a host, as xend tells it: Domain-0 and the domains. */
import type { DomainInspection, MachineFigures } from "../api/figures.ts";
import type { DeviceRecord, DomainDetail, DomainSummary, NodeInfo } from "../api/types.ts";
import type { ControlledHost } from "../host.ts";
import { type DomainTable, isDom0 } from "./domain_table.ts";
import { DOM0_INSPECTION, dom0Figures, domainFigures, inspection, machineFigures } from "./figures.ts";
import { detail, dom0Detail, dom0Summary, nodeInfo, summary } from "./records.ts";

/** Where what is told comes from. */
export interface OverviewSources {
  readonly host: ControlledHost;
  /** A domain's disks and network devices. */
  readonly devices?: (domid: number) => DeviceRecord[];
  /** The same with what XenStore has of them. */
  readonly inspectDevices?: (domid: number) => DomainInspection["devices"];
}

export class Overview {
  readonly startedAt = Date.now();
  /** As told last: no reader sees it fall. */
  #dom0Seconds = 0;

  constructor(private readonly table: DomainTable, private readonly sources: OverviewSources) {}

  /** Domain-0 first, then by domid; managed domains that do not run only with `all`. */
  list(all = false): DomainSummary[] {
    const entries = this.table.all();
    const running = entries.filter(({ incarnation }) => incarnation !== undefined).map(summary)
      .sort((a, b) => (a.domid ?? 0) - (b.domid ?? 0));
    const idle = all
      ? entries.filter(({ incarnation, isBuilding }) => incarnation === undefined && !isBuilding)
      : [];
    return [this.#dom0(), ...running, ...idle.map(summary)];
  }

  #dom0(): DomainSummary {
    const { guestSeconds, pcpus } = this.sources.host.figures();
    const summary = dom0Summary(guestSeconds, pcpus, this.startedAt);
    // What the host kept from a guest turns up a little later than the bill.
    this.#dom0Seconds = Math.max(this.#dom0Seconds, summary.seconds);
    return { ...summary, seconds: this.#dom0Seconds };
  }

  /** Everything at one moment. */
  figures(): MachineFigures {
    const { devices = () => [], host } = this.sources;
    const domains = this.table.all().flatMap((entry) => {
      const { incarnation } = entry;
      if (incarnation === undefined) return [];
      return domainFigures(entry, incarnation, devices(incarnation.domain.domid));
    });
    domains.sort((a, b) => a.domid - b.domid);
    return machineFigures(host, this.node(), this.startedAt, [dom0Figures(this.#dom0()), ...domains]);
  }

  /** What is inside a domain. @throws XendError no-such-domain, wrong-state */
  inspect(id: string): DomainInspection {
    if (isDom0(id)) return DOM0_INSPECTION;
    const { existing } = this.table.find(id);
    return inspection(existing, this.sources.inspectDevices?.(existing.domain.domid) ?? []);
  }

  /** @throws XendError no-such-domain */
  detail(id: string): DomainDetail {
    if (isDom0(id)) {
      const [dom0] = this.list();
      return dom0Detail(dom0, dom0.vcpus);
    }
    return detail(this.table.find(id), this.sources.host, this.sources.devices ?? (() => []));
  }

  node(): NodeInfo {
    return nodeInfo(this.sources.host);
  }
}
