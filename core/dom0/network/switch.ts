/** A learning Ethernet switch in user space: what `bridge=` of a vif names. Learns and forwards as IEEE 802.1D bridges do, without spanning tree. */
import type { Bridge, Frame, SwitchPort } from "./frame.ts";
import { ETHERNET_HEADER } from "./netif.ts";

/** 802.1D's default ageing time. */
const AGEING_MS = 300_000;
/** An address that is heard all the time is refreshed this often. */
const REFRESH_MS = 1000;
const MAX_ADDRESSES = 1024;
const DESTINATION = 0, SOURCE = 6;

interface Port {
  readonly receive: (frame: Frame) => void;
  /** What was learned from it, heard least recently first. */
  readonly addresses: Set<number>;
}

interface Learned {
  readonly port: Port;
  readonly heard: number;
}

export class Switch implements Bridge {
  readonly #ports = new Set<Port>();
  readonly #learned = new Map<number, Learned>();

  /** @param now milliseconds of a monotonic clock */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Addresses that are known, aged ones included until they are looked up. */
  get addresses(): number {
    return this.#learned.size;
  }

  connect(receive: (frame: Frame) => void): SwitchPort {
    const port: Port = { receive, addresses: new Set() };
    this.#ports.add(port);
    return {
      send: (frame) => this.#forward(port, frame),
      disconnect: () => {
        this.#ports.delete(port);
        for (const address of port.addresses) this.#learned.delete(address);
        port.addresses.clear();
      },
    };
  }

  #forward(from: Port, frame: Frame): void {
    const { bytes } = frame;
    if (bytes.length < ETHERNET_HEADER || !this.#ports.has(from)) return;
    this.#learn(from, bytes);
    const to = isGroup(bytes, DESTINATION) ? undefined : this.#find(address(bytes, DESTINATION));
    if (to !== undefined) {
      if (to !== from) to.receive(frame);
      return;
    }
    for (const port of this.#ports) {
      if (port !== from) port.receive(frame);
    }
  }

  #learn(port: Port, bytes: Uint8Array): void {
    const source = address(bytes, SOURCE);
    if (source === 0 || isGroup(bytes, SOURCE)) return;
    const known = this.#learned.get(source), heard = this.now();
    if (known !== undefined) {
      if (known.port === port && heard - known.heard < REFRESH_MS) return;
      this.#forget(source, known.port);
    } else if (this.#learned.size === MAX_ADDRESSES) {
      this.#makeRoom();
    }
    this.#learned.set(source, { port, heard });
    port.addresses.add(source);
  }

  /** A port that floods the switch with addresses loses its own, not the others'. */
  #makeRoom(): void {
    const [first, ...others] = this.#ports;
    const most = others.reduce(
      (most, port) => port.addresses.size > most.addresses.size ? port : most,
      first,
    );
    const [oldest] = most.addresses;
    this.#forget(oldest, most);
  }

  #find(destination: number): Port | undefined {
    const known = this.#learned.get(destination);
    if (known === undefined) return undefined;
    if (this.now() - known.heard < AGEING_MS) return known.port;
    this.#forget(destination, known.port);
    return undefined;
  }

  #forget(known: number, port: Port): void {
    this.#learned.delete(known);
    port.addresses.delete(known);
  }
}

/** Multicast and broadcast. */
function isGroup(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & 1) !== 0;
}

/** The 48 bits as a number. */
function address(bytes: Uint8Array, at: number): number {
  const high = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
  return high * 2 ** 24 + (bytes[at + 3] << 16 | bytes[at + 4] << 8 | bytes[at + 5]);
}
