/** An Ethernet frame between the ports of a switch. */

/** A TCP packet of many segments (GSO), which is sent as one. */
export interface Segmentation {
  /** Bytes of TCP's data in each segment but the last. */
  readonly size: number;
  /** The version of IP. */
  readonly type: 4 | 6;
}

export interface Frame {
  /** From the destination's address to the payload's end, no FCS. Many ports may hold the same bytes: nobody writes to them. */
  readonly bytes: Uint8Array;
  /**
   * The TCP or UDP checksum of it: "blank" has the pseudo header's sum only and is the receiver's to complete (netif.h's
   * csum_blank), "validated" has been verified (data_validated), of "complete" nothing is known.
   */
  readonly checksum: "complete" | "blank" | "validated";
  /** To be segmented for who does not take it whole; the checksum is blank, and `segment` knows how. */
  readonly gso?: Segmentation;
}

export interface SwitchPort {
  send(frame: Frame): void;
  /** May be called again; nothing is received or sent afterwards. */
  disconnect(): void;
}

/** What a vif is plugged into: a switch, or whatever else gives ports. */
export interface Bridge {
  /** @param receive is called with each frame for the port, by the sender's `send`; does not throw */
  connect(receive: (frame: Frame) => void): SwitchPort;
}
