/** The Channels tab: event channels that are not free. */
import type { ChannelRecord, DomainInspection } from "../../../core/toolstack/api/figures.ts";
import { BLANK_LINE, type Line, line, span } from "../line.ts";
import { textTable } from "../text_table.ts";

function peer({ state, remoteDomid, remotePort, irq }: ChannelRecord): string {
  switch (state) {
    case "interdomain":
      return `domain ${remoteDomid ?? "?"} port ${remotePort ?? "?"}`;
    case "unbound":
      return `for domain ${remoteDomid ?? "?"}`;
    case "virq":
      return `VIRQ ${irq ?? "?"}`;
    case "pirq":
      return `PIRQ ${irq ?? "?"}`;
    default:
      return "";
  }
}

export function channelLines({ channels }: DomainInspection): Line[] {
  if (channels.length === 0) return [line(span("no event channels", "dim"))];
  const pending = channels.filter((channel) => channel.pending).length;
  return [
    line(
      `${channels.length} event channels, ${pending} pending, ${
        channels.filter(({ masked }) => masked).length
      } masked`,
    ),
    BLANK_LINE,
    ...textTable(
      [
        { title: "Port", align: "right" },
        { title: "State" },
        { title: "VCPU", align: "right" },
        { title: "Flags" },
        { title: "With" },
      ],
      channels.map((channel) => [
        channel.port,
        channel.state,
        channel.vcpu,
        span(
          `${channel.pending ? "pending " : ""}${channel.masked ? "masked" : ""}`.trimEnd() || "-",
          channel.pending ? "warning" : "dim",
        ),
        peer(channel),
      ]),
    ),
  ];
}
