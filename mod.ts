/** Xenolith: a Xen host in one executable. */
export const VERSION = "0.1.0";
