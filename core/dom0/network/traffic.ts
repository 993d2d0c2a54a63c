/** What went over a vif, seen from its guest. */

export interface VifTraffic {
  readonly rxBytes: number;
  readonly rxPackets: number;
  /** Frames lost because a page that the guest gave for them is not one. */
  readonly rxErrors: number;
  /** Frames lost because the guest was not connected, took none, or cannot take such a large one. */
  readonly rxDrops: number;
  readonly txBytes: number;
  readonly txPackets: number;
  /** Packets that break the protocol. */
  readonly txErrors: number;
  readonly txDrops: number;
}

/** The counters themselves. */
export type TrafficCounters = { -readonly [Name in keyof VifTraffic]: VifTraffic[Name] };

export function noTraffic(): TrafficCounters {
  return {
    rxBytes: 0,
    rxPackets: 0,
    rxErrors: 0,
    rxDrops: 0,
    txBytes: 0,
    txPackets: 0,
    txErrors: 0,
    txDrops: 0,
  };
}
