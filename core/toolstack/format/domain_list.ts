/** `list`: a row for each domain, as xl (xl_info.c, list_domains) and xm print it. */
import type { DomainState, DomainSummary, ShutdownReason } from "../api/types.ts";
import { decimal, left, right } from "./text.ts";

export interface ListColumns {
  /** UUID, reason of shutdown and label. */
  readonly verbose?: boolean;
  readonly label?: boolean;
  readonly cpupool?: boolean;
  readonly numa?: boolean;
}

/** xl's letters of XEN's SHUTDOWN_* reasons 0 to 5; the last for a soft reset. */
const REASONS: Readonly<Record<ShutdownReason, { code: number; letter: string }>> = {
  poweroff: { code: 0, letter: "-" },
  reboot: { code: 1, letter: "r" },
  suspend: { code: 2, letter: "s" },
  crash: { code: 3, letter: "c" },
  watchdog: { code: 4, letter: "w" },
  soft_reset: { code: 5, letter: "S" },
};

const POOL = "Pool-0";

export function stateFlags(
  { running, blocked, paused, shutdown, crashed, dying }: DomainState,
  reason = crashed ? "c" : "-",
): string {
  return [
    running ? "r" : "-",
    blocked ? "b" : "-",
    paused ? "p" : "-",
    shutdown ? "s" : "-",
    reason,
    dying ? "d" : "-",
  ].join("");
}

/** In place of c, xl has a letter for each reason of shutdown. */
function xlFlags({ state, shutdownReason }: DomainSummary): string {
  const reason = state.shutdown && shutdownReason !== undefined ? REASONS[shutdownReason].letter : undefined;
  return stateFlags(state, reason);
}

const mib = (kib: number) => Math.floor(kib / 1024);

export const XL_LIST_HEADER = "Name                                        ID   Mem VCPUs\tState\tTime(s)";

function xlExtra(domain: DomainSummary, { verbose, label, cpupool, numa }: ListColumns): string {
  const { uuid, state, shutdownReason } = domain;
  const parts: string[] = [];
  if (verbose === true) {
    const code = state.shutdown && shutdownReason !== undefined
      ? REASONS[shutdownReason].code.toString(16)
      : "-";
    parts.push(` ${uuid} ${right(code, 8)}`);
  }
  if (verbose === true || label === true) parts.push(` ${right("-", 16)}`);
  if (cpupool === true) parts.push(right(POOL, 16));
  if (numa === true) parts.push(" all");
  return parts.join("");
}

const EXTRA_HEADERS = {
  verbose: "   UUID                            Reason-Code\tSecurity Label",
  label: "   Security Label",
  cpupool: "         Cpupool",
  numa: " NODE Affinity",
} as const;

function extraHeader({ verbose, label, cpupool, numa }: ListColumns): string {
  return [
    verbose === true ? EXTRA_HEADERS.verbose : label === true ? EXTRA_HEADERS.label : "",
    cpupool === true ? EXTRA_HEADERS.cpupool : "",
    numa === true ? EXTRA_HEADERS.numa : "",
  ].join("");
}

/** Running domains only: xl knows no others. */
export function xlList(domains: readonly DomainSummary[], columns: ListColumns = {}): string {
  const rows = domains.filter(({ domid }) => domid !== undefined).map((domain) => {
    const { name, domid = 0, memoryKiB, vcpus, seconds } = domain;
    return `${left(name, 40)} ${right(domid, 5)} ${right(mib(memoryKiB), 5)} ${right(vcpus, 5)}     ${
      xlFlags(domain)
    }  ${decimal(seconds, 8)}${xlExtra(domain, columns)}\n`;
  });
  return `${XL_LIST_HEADER}${extraHeader(columns)}\n${rows.join("")}`;
}

export const XM_LIST_HEADER = `${left("Name", 40)} ${right("ID", 5)} ${right("Mem", 5)} ${
  right("VCPUs", 5)
} ${right("State", 10)} ${right("Time(s)", 9)}`;

/** @param label xm's --label */
export function xmList(domains: readonly DomainSummary[], columns: ListColumns = {}): string {
  const { label = false, ...more } = columns;
  const rows = domains.map((domain) => {
    const { name, domid, memoryKiB, vcpus, state, seconds } = domain;
    const flags = domid === undefined ? "" : stateFlags(state);
    return `${left(name, 40)} ${right(domid ?? "", 5)} ${right(mib(memoryKiB), 5)} ${right(vcpus, 5)} ${
      right(flags, 10)
    } ${decimal(seconds, 8)}${label ? ` ${left("INACTIVE", 10)}` : ""}${xlExtra(domain, more)}\n`;
  });
  return `${XM_LIST_HEADER}${label ? ` ${left("Label", 10)}` : ""}${extraHeader(more)}\n${rows.join("")}`;
}
