/** Fences, cache lines and prefetches. Caches are not modelled: only order and faults remain. */
import { instruction } from "../instruction.ts";

// x86 hosts keep loads among loads and stores among stores, and so do plain wasm accesses there.
instruction("lfence", { encodings: ["NP 0F AE /5 [reg]"], feature: "sse2", meaning: () => {} });
instruction("sfence", { encodings: ["NP 0F AE /7 [reg]"], feature: "sse", meaning: () => {} });
instruction("mfence", {
  encodings: ["NP 0F AE /6 [reg]"],
  feature: "sse2",
  meaning(m) {
    m.helper("memoryFence");
  },
});

/** Faults as a load of one byte. */
instruction("clflush", {
  encodings: ["NP 0F AE /7 Mb"],
  access: ["r"],
  feature: "clflush",
  meaning(_m, line) {
    line.read();
  },
});

// Hints never fault, whatever their address.
for (
  const [name, encoding, feature] of [
    ["prefetchnta", "0F 18 /0 M", "sse"],
    ["prefetcht0", "0F 18 /1 M", "sse"],
    ["prefetcht1", "0F 18 /2 M", "sse"],
    ["prefetcht2", "0F 18 /3 M", "sse"],
    ["prefetch", "0F 0D /0 M", "3dnowprefetch"],
    ["prefetchw", "0F 0D /1 M", "3dnowprefetch"],
  ] as const
) {
  instruction(name, { encodings: [encoding], access: [""], feature, meaning: () => {} });
}
