/** The script of a pCPU worker. */
import { prepareDecoding } from "../cpu/engine.ts";
import { makeXenEngine } from "./parts.ts";
import { servePcpu } from "./pcpu_service.ts";
import { pvSupport } from "./pv_support.ts";

servePcpu({
  support: () => pvSupport,
  makeEngine({ image }, domain) {
    if (image === undefined) throw new Error("no interpreter was posted");
    return makeXenEngine(image, domain);
  },
  prepare: ({ image }) => image && prepareDecoding(image),
});
