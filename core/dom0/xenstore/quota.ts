import { XenStoreError } from "./errors.ts";

/** What one unprivileged domain may use of the store, by xenstored's own names; Domain-0 has no limits, 0 stands for none. */
export interface Quota {
  /** Nodes owned. */
  nodes: number;
  watches: number;
  /** Transactions open at once. */
  transactions: number;
  /** Replies waiting for a client that does not read; its requests wait from then on. */
  outstanding: number;
  /** Bytes of replies and events waiting for it; further events are dropped. */
  memory: number;
  /** Nodes looked at in one transaction. */
  "transaction-nodes": number;
  /** Entries in one node's permission list. */
  "node-permissions": number;
  /** Bytes of a path, without its `/local/domain/N/`. */
  "path-max": number;
  /** Bytes of one node's header, permissions, value and names of children. */
  "node-size": number;
}

export type QuotaName = keyof Quota;

/** Those of Xen 4.17's xenstored. */
export const DEFAULT_QUOTA: Readonly<Quota> = {
  nodes: 1000,
  watches: 128,
  transactions: 10,
  outstanding: 20,
  memory: 2_621_440,
  "transaction-nodes": 1024,
  "node-permissions": 5,
  "path-max": 2048,
  "node-size": 2048,
};

/** The limits for new domains, and those of single domains where they were set (SET_QUOTA). */
export class Quotas {
  readonly global: Quota;
  readonly #own = new Map<number, Quota>();

  constructor(initial: Readonly<Quota> = DEFAULT_QUOTA) {
    this.global = { ...initial };
  }

  of(domid: number): Readonly<Quota> {
    return this.#own.get(domid) ?? this.global;
  }

  /** Throws ENOSPC (or `code`) where `used` is over the limit; Domain-0 has none. */
  check(domid: number, name: QuotaName, used: number, code: "ENOSPC" | "E2BIG" = "ENOSPC"): void {
    const limit = this.of(domid)[name];
    if (domid !== 0 && limit !== 0 && used > limit) throw new XenStoreError(code, `quota ${name}: ${limit}`);
  }

  set(domid: number | undefined, name: QuotaName, value: number): void {
    if (domid === undefined) {
      this.global[name] = value;
      return;
    }
    const own = this.#own.get(domid) ?? { ...this.global };
    own[name] = value;
    this.#own.set(domid, own);
  }

  forget(domid: number): void {
    this.#own.delete(domid);
  }
}

export const QUOTA_NAMES = Object.keys(DEFAULT_QUOTA) as QuotaName[];

/** Throws EINVAL for a name that is none. */
export function quotaName(text: string): QuotaName {
  const name = QUOTA_NAMES.find((each) => each === text);
  if (!name) throw new XenStoreError("EINVAL");
  return name;
}
