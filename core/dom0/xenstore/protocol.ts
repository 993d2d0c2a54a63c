import type { XenStoreErrorName } from "./errors.ts";

/** Message types of xen/io/xs_wire.h (`enum xsd_sockmsg_type`). */
export const MessageType = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
  GET_FEATURE: 23,
  SET_FEATURE: 24,
  GET_QUOTA: 25,
  SET_QUOTA: 26,
} as const;

/** Bytes of `struct xsd_sockmsg`: type, req_id, tx_id, len, each a little-endian u32. */
export const HEADER_BYTES = 16;
/** XENSTORE_PAYLOAD_MAX; a longer message ends the connection. */
export const PAYLOAD_MAX = 4096;

/** Bits of the ring page's `server_features` (docs/misc/xenstore-ring.txt). */
export const ServerFeature = { RECONNECTION: 1, ERROR: 2, WATCH_DEPTH: 4 } as const;
export const SERVER_FEATURES = ServerFeature.RECONNECTION | ServerFeature.ERROR | ServerFeature.WATCH_DEPTH;

export interface Message {
  readonly type: number;
  readonly requestId: number;
  readonly transactionId: number;
  readonly payload: Uint8Array;
}

/** The client broke the protocol; its connection cannot go on. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
}

export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + message.payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, message.type, true);
  view.setUint32(4, message.requestId, true);
  view.setUint32(8, message.transactionId, true);
  view.setUint32(12, message.payload.length, true);
  bytes.set(message.payload, HEADER_BYTES);
  return bytes;
}

/** Cuts a byte stream, arriving in any pieces, into messages. */
export class MessageReader {
  #buffer = new Uint8Array(HEADER_BYTES + PAYLOAD_MAX);
  #used = 0;

  /** Bytes that may be pushed before `next` must be called. */
  get room(): number {
    return this.#buffer.length - this.#used;
  }

  push(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Forgets a message that has come in part. */
  clear(): void {
    this.#used = 0;
  }

  /** The next whole message, or undefined. Throws ProtocolError where the payload is over 4096 bytes. */
  next(): Message | undefined {
    if (this.#used < HEADER_BYTES) return undefined;
    const view = new DataView(this.#buffer.buffer);
    const length = view.getUint32(12, true);
    if (length > PAYLOAD_MAX) {
      throw new ProtocolError(`a message of ${length} bytes; ${PAYLOAD_MAX} is the most`);
    }
    const end = HEADER_BYTES + length;
    if (this.#used < end) return undefined;
    const message = {
      type: view.getUint32(0, true),
      requestId: view.getUint32(4, true),
      transactionId: view.getUint32(8, true),
      payload: this.#buffer.slice(HEADER_BYTES, end),
    };
    this.#buffer.copyWithin(0, end, this.#used);
    this.#used -= end;
    return message;
  }
}

/** Latin-1 both ways: a payload is bytes, and every byte must survive. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function toText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** A value for the store of text that people write, paths and names: its UTF-8 bytes, a character each. */
export function utf8(text: string): string {
  return toText(new TextEncoder().encode(text));
}

/** The nul-terminated strings of a payload; bytes behind the last nul are no string and are left out, as xenstored does. */
export function splitStrings(payload: Uint8Array): string[] {
  const parts = toText(payload).split("\0");
  parts.pop();
  return parts;
}

/** Strings, each with its nul. */
export function joinStrings(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  return toBytes(texts.length === 0 ? "" : `${texts.join("\0")}\0`);
}

export function errorMessage(request: Message, code: XenStoreErrorName): Message {
  return { ...request, type: MessageType.ERROR, payload: toBytes(`${code}\0`) };
}
