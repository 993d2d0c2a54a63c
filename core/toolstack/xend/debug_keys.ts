/** Xen's debug keys: what they print goes to Xen's log. */
import type { DomainSummary } from "../api/types.ts";

const KEYS: Readonly<Record<string, string>> = {
  h: "show this message",
  q: "dump domain (and guest debug) info",
  r: "dump run queues",
};

interface Facts {
  readonly domains: readonly DomainSummary[];
  readonly pcpus: readonly { readonly idleNs: number; readonly switches: number }[];
}

/** What a key prints, in lines. */
export function debugKey(key: string, { domains, pcpus }: Facts): string[] {
  switch (key) {
    case "h":
      return [
        "'h' pressed -> showing installed handlers",
        ...Object.entries(KEYS).map(([name, does]) =>
          ` key '${name}' (ascii '${name.charCodeAt(0).toString(16)}') => ${does}`
        ),
      ];
    case "q":
      return [
        "'q' pressed -> dumping domain info",
        ...domains.flatMap(({ domid, name, uuid, memoryKiB, maxMemoryKiB, vcpus, state, seconds }) => [
          `General information for domain ${domid}:`,
          `    name=${name} handle=${uuid} nr_pages=${memoryKiB / 4} max_pages=${maxMemoryKiB / 4}`,
          `    vcpus=${vcpus} paused=${Number(state.paused)} dying=${Number(state.dying)} shutdown=${
            Number(state.shutdown)
          } cpu_time=${seconds.toFixed(3)}`,
        ]),
      ];
    case "r":
      return [
        "'r' pressed -> dumping scheduler info",
        ...pcpus.map(({ idleNs, switches }, pcpu) =>
          `CPU[${pcpu.toString().padStart(2, "0")}] idle=${(idleNs / 1e9).toFixed(3)} s, switches=${switches}`
        ),
      ];
    default:
      return [`'${/^[!-~]$/.test(key) ? key : "?"}' pressed -> not handled`];
  }
}
