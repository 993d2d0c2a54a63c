/** The error names that XenStore sends in an ERROR reply (xen/io/xs_wire.h, `xsd_errors`). */
export type XenStoreErrorName =
  | "EINVAL"
  | "EACCES"
  | "EEXIST"
  | "EISDIR"
  | "ENOENT"
  | "ENOMEM"
  | "ENOSPC"
  | "EIO"
  | "ENOTEMPTY"
  | "ENOSYS"
  | "EROFS"
  | "EBUSY"
  | "EAGAIN"
  | "EISCONN"
  | "E2BIG"
  | "EPERM";

/** A request that XenStore refuses; `code` goes over the wire. */
export class XenStoreError extends Error {
  override name = "XenStoreError";
  constructor(readonly code: XenStoreErrorName, message: string = code) {
    super(message);
  }
}
