/** public/callback.h and public/nmi.h. @module */
import { struct } from "./cstruct.ts";

export const CALLBACKOP_register = 0;
export const CALLBACKOP_unregister = 1;
export const CALLBACKTYPE = {
  event: 0,
  failsafe: 1,
  syscall: 2,
  sysenter_deprecated: 3,
  nmi: 4,
  sysenter: 5,
  syscall32: 7,
} as const;
export const CALLBACKF_mask_events = 1;

/** The 64-bit form; a 32-bit guest's address is a cs:eip pair. */
export const callback_register = struct("callback_register", { type: "u16", flags: "u16", address: "ulong" });
export const callback_unregister = struct("callback_unregister", { type: "u16", _unused: "u16" });

export const XENNMI_register_callback = 0;
export const XENNMI_unregister_callback = 1;
export const xennmi_callback = struct("xennmi_callback", { handler_address: "ulong", pad: "ulong" });
