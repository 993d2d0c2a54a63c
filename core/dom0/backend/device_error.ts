/** Why a device cannot be attached or detached; worded for the user. */
export class DeviceError extends Error {
  override name = "DeviceError";

  constructor(
    /** `exists`: it has a device of that number; `missing`: it has none; `busy`: the guest does not let it go; `image`: what it shall show cannot be opened. */
    readonly code: "exists" | "missing" | "busy" | "image" | "unsupported",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
