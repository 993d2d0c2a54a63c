/** Framing of gdb's remote serial protocol: `$data#checksum`, acknowledgements, the interrupt byte. Bytes are kept as characters below 256. */

/** Longest packet taken, as told in qSupported. */
export const PACKET_SIZE = 0x4000;

export type Received =
  | { readonly kind: "packet"; readonly data: string }
  /** The checksum is wrong, or it is too long. */
  | { readonly kind: "bad" }
  | { readonly kind: "interrupt" };

const hex = (value: number, digits = 2) => value.toString(16).padStart(digits, "0");

function checksum(data: string): string {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data.charCodeAt(i);
  return hex(sum & 0xff);
}

/** Wraps a reply; what the protocol keeps for itself in binary data is escaped by the caller. */
export function frame(data: string): string {
  return `$${data}#${checksum(data)}`;
}

/** Binary data in a packet: # $ } and * are sent as } and the character with bit 5 turned. */
export function escape(data: string): string {
  return data.replace(/[#$}*]/g, (character) => `}${String.fromCharCode(character.charCodeAt(0) ^ 0x20)}`);
}

export function unescape(data: string): string {
  return data.replace(
    /\}([\s\S]?)/g,
    (_, character: string) => character === "" ? "" : String.fromCharCode(character.charCodeAt(0) ^ 0x20),
  );
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => hex(byte)).join("");
}

/** @returns undefined for what is no pairs of hexadecimal digits */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(i * 2, i * 2 + 2), 16));
}

/** Cuts a stream into packets. */
export class PacketReader {
  #data: string | undefined;
  #tail: string | undefined;
  #isTooLong = false;

  /** Never throws; what is between packets (acknowledgements, noise) is passed over. */
  *take(bytes: Uint8Array): Generator<Received> {
    for (const byte of bytes) {
      const character = String.fromCharCode(byte);
      if (this.#tail !== undefined) {
        this.#tail += character;
        if (this.#tail.length === 2) {
          const data = this.#data ?? "", tail = this.#tail.toLowerCase();
          const isGood = !this.#isTooLong && tail === checksum(data);
          this.#data = this.#tail = undefined;
          yield isGood ? { kind: "packet", data } : { kind: "bad" };
        }
      } else if (character === "$") {
        this.#data = "";
        this.#isTooLong = false;
      } else if (this.#data !== undefined) {
        if (character === "#") this.#tail = "";
        else if (this.#data.length < PACKET_SIZE) this.#data += character;
        else this.#isTooLong = true;
      } else if (byte === 3) {
        yield { kind: "interrupt" };
      }
    }
  }
}
