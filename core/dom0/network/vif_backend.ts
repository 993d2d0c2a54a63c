/** The backend of a network interface (vif): xen/io/netif.h with one pair of rings, as Linux's xen-netback has it. */
import { BackRing } from "../backend/back_ring.ts";
import { type BackendDriver, FrontendError, type FrontendNodes } from "../backend/driver.ts";
import type { BackendChannel, FrontendDomain, GrantedPage } from "../backend/frontend_domain.ts";
import { RingError } from "../byte_ring.ts";
import { Credit, type Rate } from "./credit.ts";
import type { Bridge, Frame, SwitchPort } from "./frame.ts";
import { RX_ENTRY_BYTES, TX_ENTRY_BYTES } from "./netif.ts";
import { Receiver } from "./receiver.ts";
import { noTraffic, type VifTraffic } from "./traffic.ts";
import { Transmitter } from "./transmitter.ts";

export interface VifOptions {
  /** The guest's address, for the log. */
  readonly mac?: string;
  /** Limits what the guest sends. */
  readonly rate?: Rate;
  log?(line: string): void;
}

/** The frontend's rings and channel while it is connected. */
interface Connection {
  readonly transmitter: Transmitter;
  readonly receiver: Receiver;
  lost(why: string): void;
}

export class VifBackend implements BackendDriver {
  readonly features: Readonly<Record<string, string>> = {
    "feature-rx-copy": "1",
    "feature-rx-flip": "0",
    "feature-sg": "1",
    "feature-gso-tcpv4": "1",
    "feature-gso-tcpv6": "1",
    "feature-ipv6-csum-offload": "1",
  };
  readonly #port: SwitchPort;
  readonly #credit: Credit | undefined;
  readonly #counters = noTraffic();
  #connection: Connection | undefined;
  /** What `disconnect` gives back, also where `connect` got no further. */
  #pages: GrantedPage[] = [];
  #channel: BackendChannel | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;

  constructor(
    private readonly frontend: FrontendDomain,
    bridge: Bridge,
    private readonly options: VifOptions = {},
  ) {
    this.#credit = options.rate && new Credit(options.rate, () => performance.now());
    this.#port = bridge.connect((frame) => this.#receive(frame));
  }

  /** As the guest's own counters have it (Linux: /sys/class/net/eth0/statistics). */
  figures(): VifTraffic {
    return { ...this.#counters };
  }

  connect(nodes: FrontendNodes, lost: (why: string) => void): Readonly<Record<string, string>> {
    this.disconnect();
    if (nodes.number("request-rx-copy") !== 1) throw new FrontendError("request-rx-copy is not 1");
    if ((nodes.number("multi-queue-num-queues") ?? 1) !== 1) {
      throw new FrontendError("more than one queue, which was not offered");
    }
    if (nodes.text("event-channel") === undefined && nodes.text("event-channel-tx") !== undefined) {
      throw new FrontendError("split event channels, which were not offered");
    }
    try {
      this.#connection = this.#open(nodes, lost);
    } catch (error) {
      this.disconnect();
      throw error;
    }
    // What the guest sent before, once its device is Connected.
    this.#wakeIn(0);
    return {};
  }

  disconnect(): void {
    this.#connection?.transmitter.stop();
    this.#connection = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#channel?.close();
    this.#channel = undefined;
    for (const page of this.#pages) page.release();
    this.#pages = [];
  }

  close(): void {
    this.disconnect();
    this.#port.disconnect();
  }

  #open(nodes: FrontendNodes, lost: (why: string) => void): Connection {
    const { frontend } = this, counters = this.#counters;
    const hasFeature = (name: string) => (nodes.number(name) ?? 0) !== 0;
    const takesChains = hasFeature("feature-sg"), notifiesOfPages = hasFeature("feature-rx-notify");
    const takesBlank = {
      4: !hasFeature("feature-no-csum-offload"),
      6: hasFeature("feature-ipv6-csum-offload"),
    };
    // As xenvif_fix_features and, for what GSO rests on, netdev_fix_features have it.
    const takesGso = {
      4: takesChains && takesBlank[4] && hasFeature("feature-gso-tcpv4"),
      6: takesChains && takesBlank[6] && hasFeature("feature-gso-tcpv6"),
    };
    const port = nodes.requiredNumber("event-channel");
    const transmitRing = this.#map(nodes.requiredNumber("tx-ring-ref"), TX_ENTRY_BYTES);
    const receiveRing = this.#map(nodes.requiredNumber("rx-ring-ref"), RX_ENTRY_BYTES);
    const channel = frontend.bindChannel(port, () => this.#service());
    this.#channel = channel;
    const notify = () => channel.notify();
    const common = { frontend, counters, notify };
    return {
      transmitter: new Transmitter({
        ...common,
        ring: transmitRing,
        credit: this.#credit,
        send: (frame) => this.#port.send(frame),
        bad: (why) => this.#logBad(why),
      }),
      receiver: new Receiver({
        ...common,
        ring: receiveRing,
        takesChains,
        notifiesOfPages,
        takesBlank,
        takesGso,
      }),
      lost,
    };
  }

  /** @throws GrantError; RingError where the ring is broken already */
  #map(ref: number, entryBytes: number): BackRing {
    const page = this.frontend.mapGrant(ref, false);
    this.#pages.push(page);
    const ring = new BackRing(page, entryBytes);
    void ring.waiting;
    return ring;
  }

  #receive(frame: Frame): void {
    const receiver = this.#connection?.receiver;
    if (receiver === undefined) {
      this.#counters.rxDrops++;
      return;
    }
    receiver.enqueue(frame);
    this.#run(({ receiver }) => receiver.service());
  }

  /** The guest sent an event: for either ring. */
  #service(): void {
    this.#run(({ receiver }) => receiver.service());
    this.#run(({ transmitter }) => transmitter.service());
  }

  #run(work: (connection: Connection) => number | undefined): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    try {
      const wait = work(connection);
      if (wait !== undefined) this.#wakeIn(wait);
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      this.disconnect();
      connection.lost(error.message);
    }
  }

  #wakeIn(wait: number): void {
    const due = performance.now() + wait;
    if (this.#timer !== undefined) {
      if (this.#due <= due) return;
      clearTimeout(this.#timer);
    }
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#service();
    }, wait);
  }

  /** Once only: a guest does not fill the log. */
  #logBad(why: string): void {
    if (this.#counters.txErrors > 1) return;
    const { mac = "vif" } = this.options;
    this.options.log?.(
      `${mac} of domain ${this.frontend.domid}: bad packet: ${why}; further ones are only counted`,
    );
  }
}
