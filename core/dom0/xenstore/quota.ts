/** What one unprivileged domain may use of the store; Domain-0 has no limits. Defaults are those of Xen 4.17's xenstored. */
export interface Quota {
  /** Nodes owned. */
  readonly nodes: number;
  /** Bytes of one node's value and name list. */
  readonly nodeBytes: number;
  readonly watches: number;
  /** Transactions open at once. */
  readonly transactions: number;
  /** Entries in one node's permission list. */
  readonly permissions: number;
  /** Replies and events waiting for a client that does not read, in bytes; further events are dropped, the client is stalled. */
  readonly pendingBytes: number;
}

export const DEFAULT_QUOTA: Quota = {
  nodes: 1000,
  nodeBytes: 2048,
  watches: 128,
  transactions: 10,
  permissions: 5,
  pendingBytes: 1 << 20,
};
