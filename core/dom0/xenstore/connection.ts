import { answerControl } from "./control.ts";
import { XenStoreError } from "./errors.ts";
import { Outbox } from "./outbox.ts";
import { absolutePath, countedLength, domainPath, watchPath } from "./path.ts";
import { formatPermissions, isPrivileged, parsePermissions, type Principal } from "./permissions.ts";
import {
  encodeMessage,
  errorMessage,
  joinStrings,
  type Message,
  MessageType,
  PAYLOAD_MAX,
  SERVER_FEATURES,
  splitStrings,
  toBytes,
  toText,
} from "./protocol.ts";
import { QUOTA_NAMES, quotaName } from "./quota.ts";
import type { Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";
import type { StoreView } from "./view.ts";
import type { Watch, Watcher } from "./watch.ts";

/** What only Domain-0's clients may ask for, done by whoever runs the host. All throw XenStoreError. */
export interface DomainControl {
  introduce(domid: number, frame: number, port: number): void;
  release(domid: number): void;
  resume(domid: number): void;
  setTarget(domid: number, target: number): void;
  isIntroduced(domid: number): boolean;
  /** A line for the daemon's log (CONTROL print, and requests while `tracing`). */
  log(line: string): void;
  /** Whether each request is logged (CONTROL log on). */
  tracing: boolean;
}

const OK = toBytes("OK\0");

/** Bytes that wait for a Domain-0 client: its requests wait beyond the first number, the client is given up beyond the second. */
const PRIVILEGED_STALL = 1 << 20;
const PRIVILEGED_OVERFLOW = 16 << 20;

const DOMID_SELF = 0x7ff0;

const PRIVILEGED_TYPES: ReadonlySet<number> = new Set([
  MessageType.CONTROL,
  MessageType.INTRODUCE,
  MessageType.RELEASE,
  MessageType.IS_DOMAIN_INTRODUCED,
  MessageType.RESUME,
  MessageType.SET_TARGET,
  MessageType.SET_FEATURE,
  MessageType.GET_QUOTA,
  MessageType.SET_QUOTA,
]);

/** Types whose transaction id means nothing. */
const NO_TRANSACTION: ReadonlySet<number> = new Set([MessageType.WATCH, MessageType.UNWATCH]);

/**
 * One client of the store: a domain's ring or a socket. Takes requests, keeps its watches and transactions, and
 * hands out bytes to send through `takeOutput` (replies and watch events in order).
 */
export class Connection implements Watcher {
  readonly #watches = new Map<string, Watch>();
  readonly #transactions = new Map<number, Transaction>();
  readonly #outbox = new Outbox();
  #newest: Watch | undefined;
  #lastTransaction = 0;
  #target: number | undefined;
  #overflowed = false;

  /** `onOutput` is told that `takeOutput` has something. */
  constructor(
    private readonly store: Store,
    readonly domid: number,
    private readonly control: DomainControl,
    private readonly onOutput: () => void,
  ) {}

  get principal(): Principal {
    return { domid: this.domid, target: this.#target };
  }

  /** SET_TARGET: gives this domain what `target` may do. */
  actFor(target: number | undefined): void {
    this.#target = target;
  }

  close(): void {
    this.reset();
    this.#outbox.clear();
  }

  /** RESET_WATCHES: forget watches and transactions. */
  reset(): void {
    for (const watch of this.#watches.values()) this.store.watches.delete(watch);
    this.#watches.clear();
    this.#transactions.clear();
  }

  /** Drops replies and events that were not sent; for a ring that starts anew. */
  clearOutput(): void {
    this.#outbox.clear();
  }

  /** Whether the client has so much unread that no further request of it should be read. */
  get stalled(): boolean {
    const { bytes, replies } = this.#outbox;
    if (this.domid === 0) return bytes > PRIVILEGED_STALL;
    const { outstanding, memory } = this.store.quotas.of(this.domid);
    return (outstanding !== 0 && replies >= outstanding) || (memory !== 0 && bytes > memory);
  }

  /** Whether a client of Domain-0 that does not read has so many events waiting that its transport should drop it. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  get pendingBytes(): number {
    return this.#outbox.bytes;
  }

  /** At most `limit` bytes to send; what is taken is forgotten. */
  takeOutput(limit: number): Uint8Array<ArrayBuffer> {
    return this.#outbox.take(limit);
  }

  request(message: Message): void {
    if (this.control.tracing) this.control.log(`IN d${this.domid} ${describe(message)}`);
    try {
      const payload = this.#answer(message);
      if (payload.length > PAYLOAD_MAX) throw new XenStoreError("E2BIG");
      this.#reply({ ...message, payload });
      if (message.type === MessageType.WATCH) this.#fireNewWatch();
    } catch (error) {
      if (!(error instanceof XenStoreError)) throw error;
      this.#reply(errorMessage(message, error.code));
    }
  }

  event(path: string, token: string): void {
    const payload = joinStrings([path, token]);
    if (payload.length > PAYLOAD_MAX) return;
    const key = `${path}\0${token}`;
    // xenstored does not queue an event twice, unless it is of a special path.
    if (!path.startsWith("@") && this.#outbox.hasEvent(key)) return;
    if (this.domid !== 0) {
      // A guest that never reads its events must not fill our memory: it loses events, nobody else does.
      const { memory } = this.store.quotas.of(this.domid);
      if (memory !== 0 && this.#outbox.bytes + payload.length > memory) return;
    } else if (this.#outbox.bytes > PRIVILEGED_OVERFLOW) {
      this.#overflowed = true;
      this.reset();
      this.#outbox.clear();
      this.onOutput();
    }
    if (this.#overflowed) return;
    const { WATCH_EVENT: type } = MessageType;
    this.#outbox.event(encodeMessage({ type, requestId: 0, transactionId: 0, payload }), key);
    this.onOutput();
  }

  #answer(message: Message): Uint8Array {
    const { type, payload } = message;
    const { store } = this;
    if (PRIVILEGED_TYPES.has(type) && this.domid !== 0) throw new XenStoreError("EACCES");
    const transaction = NO_TRANSACTION.has(type) ? undefined : this.#transaction(message);
    const read = (action: (view: StoreView, path: string) => Uint8Array) => {
      const path = this.#path(soleArgument(payload));
      return transaction
        ? action(transaction.view, path)
        : store.update((view) => action(view, path), this.principal);
    };
    const write = (action: (view: StoreView) => void) => {
      if (transaction) {
        // Each write is kept until the end, however often a node is written.
        const kept = [...this.#transactions.values()].reduce((sum, { bytes }) => sum + bytes, 0);
        store.quotas.check(this.domid, "memory", kept + payload.length);
        transaction.write(action, payload.length);
      } else store.update(action, this.principal);
      return OK;
    };
    switch (type) {
      case MessageType.READ:
        return read((view, path) => view.read(path));
      case MessageType.DIRECTORY:
        return read((view, path) => joinStrings(view.directory(path).names));
      case MessageType.DIRECTORY_PART:
        return this.#directoryPart(payload, transaction);
      case MessageType.GET_PERMS: {
        const argument = soleArgument(payload);
        if (!argument.startsWith("@")) {
          return read((view, path) => joinStrings(formatPermissions(view.permissions(path))));
        }
        return joinStrings(formatPermissions(store.specialPermissions(argument, this.principal)));
      }
      case MessageType.WRITE: {
        const end = payload.indexOf(0);
        if (end < 0) throw new XenStoreError("EINVAL");
        const path = this.#path(toText(payload.subarray(0, end)));
        const value = payload.slice(end + 1);
        return write((view) => view.write(path, value));
      }
      case MessageType.MKDIR: {
        const path = this.#path(soleArgument(payload));
        return write((view) => view.mkdir(path));
      }
      case MessageType.RM: {
        const path = this.#path(soleArgument(payload));
        return write((view) => view.remove(path));
      }
      case MessageType.SET_PERMS: {
        const [path, ...entries] = atLeast(payload, 2);
        store.quotas.check(this.domid, "node-permissions", entries.length);
        const permissions = parsePermissions(entries);
        if (path.startsWith("@")) {
          store.setSpecialPermissions(path, permissions, this.principal);
          return OK;
        }
        const absolute = this.#path(path);
        return write((view) => view.setPermissions(absolute, permissions));
      }
      case MessageType.WATCH:
        return this.#addWatch(payload);
      case MessageType.UNWATCH:
        return this.#removeWatch(payload);
      case MessageType.RESET_WATCHES:
        this.reset();
        return OK;
      case MessageType.TRANSACTION_START:
        return this.#begin(transaction);
      case MessageType.TRANSACTION_END:
        return this.#end(payload, transaction);
      default:
        return this.#answerDaemon(type, payload);
    }
  }

  /** Requests that are about domains and the daemon, not about nodes. */
  #answerDaemon(type: number, payload: Uint8Array): Uint8Array {
    const { control, store } = this;
    switch (type) {
      case MessageType.GET_DOMAIN_PATH:
        return joinStrings([domainPath(domidOf(soleArgument(payload)))]);
      case MessageType.IS_DOMAIN_INTRODUCED: {
        const domid = domidOf(soleArgument(payload));
        const known = domid === 0 || domid === DOMID_SELF || control.isIntroduced(domid);
        return joinStrings([known ? "T" : "F"]);
      }
      case MessageType.INTRODUCE: {
        const [domid, frame, port] = atLeast(payload, 3);
        if (!(Number(port) > 0)) throw new XenStoreError("EINVAL");
        control.introduce(domidOf(domid), Number(frame), Number(port));
        return OK;
      }
      case MessageType.RELEASE:
        control.release(guestOf(soleArgument(payload)));
        return OK;
      case MessageType.RESUME:
        control.resume(guestOf(soleArgument(payload)));
        return OK;
      case MessageType.SET_TARGET: {
        const [domid, target] = atLeast(payload, 2);
        control.setTarget(domidOf(domid), domidOf(target));
        return OK;
      }
      case MessageType.GET_FEATURE: {
        const [domid, ...more] = splitStrings(payload);
        if (domid !== undefined && domid !== "") {
          if (this.domid !== 0) throw new XenStoreError("EACCES");
          if (more.length > 0) throw new XenStoreError("EINVAL");
          this.#requireDomain(domidOf(domid));
        }
        return joinStrings([`${SERVER_FEATURES}`]);
      }
      case MessageType.SET_FEATURE: {
        const [domid, bits, ...more] = atLeast(payload, 2);
        if (more.length > 0 || !/^\d{1,9}$/.test(bits)) throw new XenStoreError("EINVAL");
        this.#requireDomain(domidOf(domid));
        // Every domain that we know is introduced.
        throw new XenStoreError("EBUSY");
      }
      case MessageType.GET_QUOTA: {
        const [first, second] = splitStrings(payload);
        if (first === undefined || first === "") return joinStrings([QUOTA_NAMES.join(" ")]);
        const quota = second === undefined ? store.quotas.global : store.quotas.of(domidOf(first));
        return joinStrings([`${quota[quotaName(second ?? first)]}`]);
      }
      case MessageType.SET_QUOTA: {
        const parts = atLeast(payload, 2);
        const value = parts.pop() ?? "";
        const name = quotaName(parts.pop() ?? "");
        if (parts.length > 1 || !/^\d{1,9}$/.test(value)) throw new XenStoreError("EINVAL");
        store.quotas.set(parts.length === 1 ? domidOf(parts[0]) : undefined, name, Number(value));
        return OK;
      }
      case MessageType.CONTROL:
        return answerControl(splitStrings(payload), store, control);
      default:
        throw new XenStoreError("ENOSYS");
    }
  }

  #requireDomain(domid: number): void {
    if (domid !== 0 && !this.control.isIntroduced(domid)) throw new XenStoreError("ENOENT");
  }

  #path(text: string): string {
    return this.#within(absolutePath(text, this.domid));
  }

  #within(path: string): string {
    const limit = this.store.quotas.of(this.domid)["path-max"];
    if (!isPrivileged(this.principal) && limit !== 0 && countedLength(path) > limit) {
      throw new XenStoreError("EINVAL");
    }
    return path;
  }

  #transaction({ transactionId }: Message): Transaction | undefined {
    if (transactionId === 0) return undefined;
    const transaction = this.#transactions.get(transactionId);
    if (!transaction) throw new XenStoreError("ENOENT");
    return transaction;
  }

  #directoryPart(payload: Uint8Array, transaction: Transaction | undefined): Uint8Array {
    const [text, offsetText, ...more] = atLeast(payload, 2);
    const path = this.#path(text);
    if (more.length > 0 || !/^\d{1,9}$/.test(offsetText)) throw new XenStoreError("EINVAL");
    const offset = Number(offsetText);
    const read = (view: StoreView) => view.directory(path);
    const { names, generation } = transaction
      ? read(transaction.view)
      : this.store.update(read, this.principal);
    const prefix = `${generation}\0`;
    let body = "";
    let at = 0;
    for (const name of names) {
      if (at >= offset) {
        if (prefix.length + body.length + name.length + 1 > PAYLOAD_MAX) return toBytes(prefix + body);
        body += `${name}\0`;
      }
      at += name.length + 1;
    }
    // An empty name marks the end of the list.
    return toBytes(`${prefix}${body}${prefix.length + body.length < PAYLOAD_MAX ? "\0" : ""}`);
  }

  #begin(outer: Transaction | undefined): Uint8Array {
    if (outer) throw new XenStoreError("EBUSY");
    this.store.quotas.check(this.domid, "transactions", this.#transactions.size + 1);
    do {
      this.#lastTransaction = this.#lastTransaction % 0x7fffffff + 1;
    } while (this.#transactions.has(this.#lastTransaction));
    const transaction = this.store.begin(this.#lastTransaction, this.principal);
    this.#transactions.set(transaction.id, transaction);
    return joinStrings([`${transaction.id}`]);
  }

  #end(payload: Uint8Array, transaction: Transaction | undefined): Uint8Array {
    const verdict = soleArgument(payload);
    if (verdict !== "T" && verdict !== "F") throw new XenStoreError("EINVAL");
    if (!transaction) throw new XenStoreError("ENOENT");
    this.#transactions.delete(transaction.id);
    if (verdict === "T") this.store.commit(transaction);
    return OK;
  }

  #addWatch(payload: Uint8Array): Uint8Array {
    const [given, token, depthText, ...more] = atLeast(payload, 2);
    if (more.length > 0 || (depthText !== undefined && !/^\d{1,9}$/.test(depthText))) {
      throw new XenStoreError("EINVAL");
    }
    const depth = depthText === undefined ? undefined : Number(depthText);
    const path = this.#within(watchPath(given, this.domid));
    const key = `${path}\0${token}`;
    if (this.#watches.has(key)) throw new XenStoreError("EEXIST");
    this.store.quotas.check(this.domid, "watches", this.#watches.size + 1, "E2BIG");
    const hidden = /^[/@]/.test(given) ? 0 : domainPath(this.domid).length + 1;
    const watch = { watcher: this, path, token, depth, hidden };
    this.#watches.set(key, watch);
    this.#newest = watch;
    this.store.watches.add(watch);
    return OK;
  }

  /** A new watch fires once straight away, behind its reply. */
  #fireNewWatch(): void {
    const newest = this.#newest;
    if (newest) this.event(newest.path.slice(newest.hidden), newest.token);
  }

  #removeWatch(payload: Uint8Array): Uint8Array {
    const [given, token] = atLeast(payload, 2);
    const key = `${watchPath(given, this.domid)}\0${token}`;
    const watch = this.#watches.get(key);
    if (!watch) throw new XenStoreError("ENOENT");
    this.#watches.delete(key);
    this.store.watches.delete(watch);
    return OK;
  }

  #reply(message: Message): void {
    if (this.#overflowed) return;
    this.#outbox.reply(encodeMessage(message));
    this.onOutput();
  }
}

function describe({ type, transactionId, payload }: Message): string {
  const name = Object.entries(MessageType).find(([, each]) => each === type)?.[0] ?? `type ${type}`;
  const text = toText(payload).replace(/[^ -~]/g, " ").trimEnd();
  return `${name} (${transactionId}) ${text}`;
}

/** The one string of a payload, whose only nul is its last byte. Throws EINVAL. */
function soleArgument(payload: Uint8Array): string {
  if (payload.length === 0 || payload.indexOf(0) !== payload.length - 1) throw new XenStoreError("EINVAL");
  return toText(payload.subarray(0, payload.length - 1));
}

/** The strings of a payload, `least` or more. Throws EINVAL. */
function atLeast(payload: Uint8Array, least: number): string[] {
  const strings = splitStrings(payload);
  if (strings.length < least) throw new XenStoreError("EINVAL");
  return strings;
}

function domidOf(text: string): number {
  const domid = Number(text);
  if (!/^\d{1,5}$/.test(text) || (domid >= DOMID_SELF && domid !== DOMID_SELF)) {
    throw new XenStoreError("EINVAL");
  }
  return domid;
}

/** A domain other than Domain-0. */
function guestOf(text: string): number {
  const domid = domidOf(text);
  if (domid === 0 || domid === DOMID_SELF) throw new XenStoreError("EINVAL");
  return domid;
}
