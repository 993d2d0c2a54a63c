/** The Devices tab: each device with its counters and what XenStore has of frontend and backend. */
import type { DomainInspection } from "../../../core/toolstack/api/figures.ts";
import { vdevName } from "../../../core/toolstack/format/vdev.ts";
import type { DomainRow } from "../../model/types.ts";
import { BLANK_LINE, harmless, type Line, line, type Role, span } from "../line.ts";
import { bytes, count, grouped } from "../../model/mod.ts";
import { heading, textTable } from "../text_table.ts";

/** enum xenbus_state */
const STATES: readonly string[] = [
  "unknown",
  "initialising",
  "init wait",
  "initialised",
  "connected",
  "closing",
  "closed",
  "reconfiguring",
  "reconfigured",
];

const SECTOR = 512;

export function xenbusState(state: number): string {
  return `${state} ${STATES[state] ?? "?"}`;
}

function stateRole(state: number): Role {
  if (state === 4) return "good";
  return state === 5 || state === 6 || state === 0 ? "bad" : "warning";
}

function networks({ figures }: DomainRow): Line[] {
  if (figures.vifs.length === 0) return [];
  return [
    heading("Networks (the guest's side)"),
    ...textTable(
      [
        { title: "vif", align: "right" },
        ...["RX", "packets", "errors", "drops", "TX", "packets", "errors", "drops"].map((title) => ({
          title,
          align: "right" as const,
        })),
      ],
      figures.vifs.map((vif) => [
        vif.devid,
        span(bytes(vif.rxBytes), "network"),
        count(vif.rxPackets),
        vif.rxErrors,
        vif.rxDrops,
        span(bytes(vif.txBytes), "network"),
        count(vif.txPackets),
        vif.txErrors,
        vif.txDrops,
      ]),
    ),
    BLANK_LINE,
  ];
}

function disks({ figures }: DomainRow): Line[] {
  if (figures.vbds.length === 0) return [];
  return [
    heading("Block devices"),
    ...textTable(
      [
        { title: "vbd" },
        ...["Reads", "read", "Writes", "written", "No room"].map((title) => ({
          title,
          align: "right" as const,
        })),
      ],
      figures.vbds.map((vbd) => [
        `${vbd.devid} ${vdevName(vbd.devid)}`,
        grouped(vbd.reads),
        span(bytes(vbd.readSectors * SECTOR), "disk"),
        grouped(vbd.writes),
        span(bytes(vbd.writtenSectors * SECTOR), "disk"),
        grouped(vbd.outOfRequests),
      ]),
    ),
    BLANK_LINE,
  ];
}

function store(title: string, entries: Readonly<Record<string, string>>): Line[] {
  return [
    line(span(`  ${title}`, "dim")),
    ...Object.entries(entries).map(([key, value]) => {
      const isState = key === "state" && /^\d+$/.test(value);
      return line(
        span(`    ${harmless(key)}`, "key"),
        span(" = ", "dim"),
        isState ? span(xenbusState(Number(value)), stateRole(Number(value))) : span(harmless(value)),
      );
    }),
  ];
}

export function deviceLines(row: DomainRow, inspection: DomainInspection | undefined): Line[] {
  const counters = [...networks(row), ...disks(row)];
  if (inspection === undefined) return [...counters, line(span("asking xend ...", "dim"))];
  if (inspection.devices.length === 0) return [...counters, line(span("no devices in XenStore", "dim"))];
  return [
    ...counters,
    heading("XenStore"),
    ...inspection.devices.flatMap((device) => [
      line(
        span(`${device.kind} ${device.devid}`, "strong"),
        "  frontend ",
        span(xenbusState(device.state), stateRole(device.state)),
        `  backend in domain ${device.backendDomid}  event channel ${device.eventChannel}  ring ${
          device.ringRefs.join(",") || "-"
        }`,
        device.mac === undefined ? "" : `  ${harmless(device.mac)}`,
      ),
      ...store("frontend", device.frontend),
      ...store(`backend ${harmless(device.backendPath)}`, device.backend),
      BLANK_LINE,
    ]),
  ];
}
