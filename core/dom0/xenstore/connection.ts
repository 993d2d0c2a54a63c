import { XenStoreError } from "./errors.ts";
import { lookup, type Node } from "./node.ts";
import { absolutePath, domainPath, watchPath } from "./path.ts";
import { formatPermissions, mayRead, parsePermissions } from "./permissions.ts";
import {
  encodeMessage,
  errorMessage,
  type Message,
  MessageType,
  PAYLOAD_MAX,
  toBytes,
  toText,
} from "./protocol.ts";
import type { Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";
import type { Change, StoreView } from "./view.ts";
import { eventPath, type Watch } from "./watch.ts";

/** What only Domain-0's clients may ask for, done by whoever runs the host. */
export interface DomainControl {
  introduce(domid: number, frame: number, port: number): void;
  release(domid: number): void;
  resume(domid: number): void;
  isIntroduced(domid: number): boolean;
}

const OK = toBytes("OK\0");

/**
 * One client of the store: a domain's ring or a socket. Takes requests, keeps its watches and transactions, and
 * hands out bytes to send through `output` (replies and watch events in order).
 */
export class Connection {
  readonly #watches: Watch[] = [];
  readonly #transactions = new Map<number, Transaction>();
  readonly #unsubscribe: () => void;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  /** `onOutput` is told that `takeOutput` has something. */
  constructor(
    private readonly store: Store,
    readonly domid: number,
    private readonly control: DomainControl,
    private readonly onOutput: () => void,
  ) {
    this.#unsubscribe = store.subscribe((change, before, after) => this.#changed(change, before, after));
  }

  close(): void {
    this.#unsubscribe();
    this.reset();
  }

  /** RESET_WATCHES: forget watches and transactions. */
  reset(): void {
    this.#watches.length = 0;
    this.#transactions.clear();
  }

  /** Whether the client has so much unread that no further request of it should be read. */
  get stalled(): boolean {
    return this.#pendingBytes > this.store.quota.pendingBytes;
  }

  /** At most `limit` bytes to send; what is taken is forgotten. */
  takeOutput(limit: number): Uint8Array {
    const taken = new Uint8Array(Math.min(limit, this.#pendingBytes));
    let filled = 0;
    while (filled < taken.length) {
      const piece = this.#pending[0];
      const part = piece.subarray(0, taken.length - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === piece.length) this.#pending.shift();
      else this.#pending[0] = piece.subarray(part.length);
    }
    this.#pendingBytes -= filled;
    return taken;
  }

  /** Tells the watches on a special path, `@introduceDomain` or `@releaseDomain`; Domain-0's clients only. */
  special(path: string): void {
    if (this.domid !== 0) return;
    for (const watch of this.#watches) if (watch.path === path) this.#event(path, watch.token);
  }

  request(message: Message): void {
    try {
      const payload = this.#answer(message);
      if (payload.length > PAYLOAD_MAX) throw new XenStoreError("E2BIG");
      this.#send({ ...message, payload });
      if (message.type === MessageType.WATCH) this.#fireNewWatch();
    } catch (error) {
      if (!(error instanceof XenStoreError)) throw error;
      this.#send(errorMessage(message, error.code));
    }
  }

  #answer(message: Message): Uint8Array {
    const { payload } = message;
    switch (message.type) {
      case MessageType.READ:
        return this.#read(message, (view, path) => view.read(path, this.domid));
      case MessageType.DIRECTORY:
        return this.#read(message, (view, path) => list(view.directory(path, this.domid).names));
      case MessageType.DIRECTORY_PART:
        return this.#directoryPart(message);
      case MessageType.GET_PERMS:
        return this.#read(
          message,
          (view, path) => list(formatPermissions(view.permissions(path, this.domid))),
        );
      case MessageType.WRITE: {
        const end = payload.indexOf(0);
        if (end < 0) throw new XenStoreError("EINVAL");
        const path = this.#path(toText(payload.subarray(0, end)));
        const value = payload.slice(end + 1);
        return this.#write(message, (view) => view.write(path, value, this.domid));
      }
      case MessageType.MKDIR: {
        const path = this.#path(strings(payload, 1)[0]);
        return this.#write(message, (view) => view.mkdir(path, this.domid));
      }
      case MessageType.RM: {
        const path = this.#path(strings(payload, 1)[0]);
        return this.#write(message, (view) => view.remove(path, this.domid));
      }
      case MessageType.SET_PERMS: {
        const [path, ...entries] = strings(payload, 2);
        const permissions = parsePermissions(entries);
        const absolute = this.#path(path);
        return this.#write(message, (view) => view.setPermissions(absolute, permissions, this.domid));
      }
      case MessageType.WATCH:
        return this.#addWatch(payload);
      case MessageType.UNWATCH:
        return this.#removeWatch(payload);
      case MessageType.RESET_WATCHES:
        this.reset();
        return OK;
      case MessageType.TRANSACTION_START:
        return this.#begin(message);
      case MessageType.TRANSACTION_END:
        return this.#end(message);
      case MessageType.GET_DOMAIN_PATH:
        return toBytes(`${domainPath(domidOf(strings(payload, 1)[0]))}\0`);
      case MessageType.IS_DOMAIN_INTRODUCED: {
        const domid = domidOf(strings(payload, 1)[0]);
        return toBytes(domid === 0 || this.control.isIntroduced(domid) ? "T\0" : "F\0");
      }
      case MessageType.INTRODUCE: {
        this.#requireDomain0();
        const [domid, frame, port] = strings(payload, 3);
        this.control.introduce(domidOf(domid), Number(frame), Number(port));
        return OK;
      }
      case MessageType.RELEASE:
        this.#requireDomain0();
        this.control.release(domidOf(strings(payload, 1)[0]));
        return OK;
      case MessageType.RESUME:
        this.#requireDomain0();
        this.control.resume(domidOf(strings(payload, 1)[0]));
        return OK;
      default:
        throw new XenStoreError("ENOSYS");
    }
  }

  #requireDomain0(): void {
    if (this.domid !== 0) throw new XenStoreError("EACCES");
  }

  #path(text: string): string {
    return absolutePath(text, this.domid);
  }

  #read(message: Message, action: (view: StoreView, path: string) => Uint8Array): Uint8Array {
    const path = this.#path(strings(message.payload, 1)[0]);
    const transaction = this.#transaction(message);
    return transaction ? action(transaction.view, path) : this.store.update((view) => action(view, path));
  }

  #write(message: Message, action: (view: StoreView) => void): Uint8Array {
    const transaction = this.#transaction(message);
    if (transaction) transaction.write(action);
    else this.store.update(action);
    return OK;
  }

  #transaction({ transactionId }: Message): Transaction | undefined {
    if (transactionId === 0) return undefined;
    const transaction = this.#transactions.get(transactionId);
    if (!transaction) throw new XenStoreError("ENOENT");
    return transaction;
  }

  #directoryPart(message: Message): Uint8Array {
    const [text, offsetText] = strings(message.payload, 2);
    const path = this.#path(text);
    const offset = Number(offsetText);
    if (!Number.isInteger(offset) || offset < 0) throw new XenStoreError("EINVAL");
    const read = (view: StoreView) => view.directory(path, this.domid);
    const transaction = this.#transaction(message);
    const { names, generation } = transaction ? read(transaction.view) : this.store.update(read);
    const prefix = `${generation}\0`;
    const all = names.map((name) => `${name}\0`);
    let body = "";
    let at = 0;
    for (const name of all) {
      if (at >= offset) {
        if (prefix.length + body.length + name.length > PAYLOAD_MAX) return toBytes(prefix + body);
        body += name;
      }
      at += name.length;
    }
    // An empty name marks the end of the list.
    return toBytes(`${prefix}${body}${prefix.length + body.length < PAYLOAD_MAX ? "\0" : ""}`);
  }

  #begin(message: Message): Uint8Array {
    if (message.transactionId !== 0) throw new XenStoreError("EBUSY");
    if (this.domid !== 0 && this.#transactions.size >= this.store.quota.transactions) {
      throw new XenStoreError("ENOSPC");
    }
    const transaction = this.store.begin();
    this.#transactions.set(transaction.id, transaction);
    return toBytes(`${transaction.id}\0`);
  }

  #end(message: Message): Uint8Array {
    const [verdict] = strings(message.payload, 1);
    if (verdict !== "T" && verdict !== "F") throw new XenStoreError("EINVAL");
    const transaction = this.#transaction(message);
    if (!transaction) throw new XenStoreError("ENOENT");
    this.#transactions.delete(transaction.id);
    if (verdict === "T") this.store.commit(transaction);
    return OK;
  }

  #addWatch(payload: Uint8Array): Uint8Array {
    const [given, token] = strings(payload, 2);
    const path = watchPath(given, this.domid);
    if (this.#watches.some((w) => w.path === path && w.token === token)) throw new XenStoreError("EEXIST");
    if (this.domid !== 0) {
      if (path.startsWith("@")) throw new XenStoreError("EACCES");
      if (this.#watches.length >= this.store.quota.watches) throw new XenStoreError("E2BIG");
    }
    this.#watches.push({ given, path, token });
    return OK;
  }

  /** A new watch fires once straight away, behind its reply. */
  #fireNewWatch(): void {
    const watch = this.#watches[this.#watches.length - 1];
    this.#event(watch.given, watch.token);
  }

  #removeWatch(payload: Uint8Array): Uint8Array {
    const [given, token] = strings(payload, 2);
    const path = watchPath(given, this.domid);
    const index = this.#watches.findIndex((w) => w.path === path && w.token === token);
    if (index < 0) throw new XenStoreError("ENOENT");
    this.#watches.splice(index, 1);
    return OK;
  }

  #changed(change: Change, before: Node, after: Node): void {
    if (this.#watches.length === 0 || !this.#maySee(change, before, after)) return;
    for (const watch of this.#watches) {
      const path = eventPath(watch, change, this.domid);
      if (path !== undefined) this.#event(path, watch.token);
    }
  }

  #maySee(change: Change, before: Node, after: Node): boolean {
    const node = lookup(after, change.path) ?? lookup(before, change.path);
    return node !== undefined && mayRead(node.permissions, this.domid);
  }

  #event(path: string, token: string): void {
    // A guest that never reads its events must not fill our memory: it loses events, nobody else does.
    if (this.domid !== 0 && this.stalled) return;
    this.#send({
      type: MessageType.WATCH_EVENT,
      requestId: 0,
      transactionId: 0,
      payload: list([path, token]),
    });
  }

  #send(message: Message): void {
    const bytes = encodeMessage(message);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.onOutput();
  }
}

function list(texts: readonly string[]): Uint8Array {
  return toBytes(texts.map((text) => `${text}\0`).join(""));
}

/** The nul-terminated strings of a payload. Throws EINVAL where there are fewer than `least` or the last nul is missing. */
function strings(payload: Uint8Array, least: number): string[] {
  const text = toText(payload);
  if (!text.endsWith("\0")) throw new XenStoreError("EINVAL");
  const parts = text.slice(0, -1).split("\0");
  if (parts.length < least) throw new XenStoreError("EINVAL");
  return parts;
}

function domidOf(text: string): number {
  const domid = Number(text);
  if (!/^\d{1,5}$/.test(text) || domid > 0x7fef) throw new XenStoreError("EINVAL");
  return domid;
}
