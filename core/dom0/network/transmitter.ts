/** Takes what a guest sends out of its transmit ring and gives it to the switch. */
import type { BackRing } from "../backend/back_ring.ts";
import type { FrontendDomain } from "../backend/frontend_domain.ts";
import type { Credit } from "./credit.ts";
import type { Frame } from "./frame.ts";
import { Status } from "./netif.ts";
import type { TrafficCounters } from "./traffic.ts";
import { PacketError, TxPacket } from "./tx_packet.ts";

/** Packets in one go: a guest that sends forever does not hold the thread. */
const BUDGET = 256;

export interface TransmitterParts {
  readonly frontend: FrontendDomain;
  readonly ring: BackRing;
  /** undefined: as fast as it can. */
  readonly credit: Credit | undefined;
  readonly counters: TrafficCounters;
  send(frame: Frame): void;
  notify(): void;
  bad(why: string): void;
}

export class Transmitter {
  /** Taken, but there is no credit for it yet. */
  #held: TxPacket | undefined;
  #isStopped = false;

  constructor(private readonly parts: TransmitterParts) {}

  /** @returns milliseconds after which it wants to go on; undefined: with the next event @throws RingError */
  service(): number | undefined {
    const { ring, notify } = this.parts;
    let isAnswered = false, wait: number | undefined = 0;
    for (let budget = BUDGET; budget > 0; budget--) {
      const packet = this.#held ?? TxPacket.take(ring);
      if (packet === undefined) {
        if (ring.armAndCheck()) continue;
        wait = undefined;
        break;
      }
      wait = this.parts.credit?.spend(packet.size) ?? 0;
      this.#held = wait > 0 ? packet : undefined;
      if (wait > 0) break;
      this.#forward(packet);
      // Whom the frame went to may have ended this vif.
      if (this.#isStopped) return undefined;
      isAnswered = true;
    }
    if (isAnswered && ring.push()) notify();
    return wait;
  }

  /** The ring and the guest's memory are not touched any more. */
  stop(): void {
    this.#isStopped = true;
    this.#held = undefined;
  }

  #forward(packet: TxPacket): void {
    const { counters, frontend, ring } = this.parts;
    let frame: Frame;
    try {
      frame = packet.copy(frontend);
    } catch (error) {
      if (!(error instanceof PacketError)) throw error;
      packet.respond(ring, Status.ERROR);
      counters.txErrors++;
      this.parts.bad(error.message);
      return;
    }
    packet.respond(ring, Status.OKAY);
    counters.txPackets++;
    counters.txBytes += frame.bytes.length;
    this.parts.send(frame);
  }
}
