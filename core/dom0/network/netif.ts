/** The network interface's ABI (xen/io/netif.h) as data: layouts of requests and responses, flags, statuses. All little-endian. */

export const PAGE_SIZE = 4096;
/** Destination, source, type. */
export const ETHERNET_HEADER = 14;
/** XEN_NETIF_MAX_TX_SIZE. */
export const MAX_FRAME = 0xffff;
/** XEN_NETIF_NR_SLOTS_MIN: as many data slots of one packet as every backend must take; this one takes no more. */
export const MAX_SLOTS = 18;

/** netif_tx_request and netif_tx_response, in one ring. */
export const TX_ENTRY_BYTES = 12;
export const TxRequest = { gref: 0, offset: 4, flags: 6, id: 8, size: 10 } as const;
export const TxResponse = { id: 0, status: 2 } as const;

/** netif_rx_request and netif_rx_response, in one ring. */
export const RX_ENTRY_BYTES = 8;
export const RxRequest = { id: 0, gref: 4 } as const;
export const RxResponse = { id: 0, offset: 2, flags: 4, status: 6 } as const;

/** netif_extra_info, in the place of a request or a response of either ring. */
export const ExtraInfo = { type: 0, flags: 1, gsoSize: 2, gsoType: 4 } as const;
/** XEN_NETIF_EXTRA_FLAG_MORE. */
export const EXTRA_MORE = 1;
/** XEN_NETIF_EXTRA_TYPE_*. */
export const ExtraType = { GSO: 1, MCAST_ADD: 2, MCAST_DEL: 3, HASH: 4 } as const;
/** XEN_NETIF_GSO_TYPE_*. */
export const GsoType = { TCPV4: 1, TCPV6: 2 } as const;

/** NETTXF_*. */
export const TxFlag = { CSUM_BLANK: 1, DATA_VALIDATED: 2, MORE_DATA: 4, EXTRA_INFO: 8 } as const;
/** NETRXF_*: the first two are not where NETTXF_* has them. */
export const RxFlag = { DATA_VALIDATED: 1, CSUM_BLANK: 2, MORE_DATA: 4, EXTRA_INFO: 8 } as const;

/** NETIF_RSP_*. */
export const Status = { ERROR: -1, OKAY: 0, NULL: 1 } as const;
