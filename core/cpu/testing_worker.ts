/** A worker that runs one vCPU of a test's domain until it exits: what two pCPUs do to each other is tested with it. */
import { Engine, type InterpreterImage } from "./engine.ts";
import { ExitReason } from "./exit.ts";
import type { DomainLayout } from "./layout.ts";

export interface WorkerJob {
  image: InterpreterImage;
  memory: WebAssembly.Memory;
  layout: DomainLayout;
  ctx: number;
  /** Instructions a slice. */
  budget: number;
}

interface Scope {
  onmessage: ((event: MessageEvent<WorkerJob>) => void) | null;
  postMessage(message: unknown): void;
}
const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data: { image, memory, layout, ctx, budget } }) => {
  const engine = new Engine({ image, memory, layout, hooks: { foreign: () => -1 } });
  for (;;) {
    const reason = engine.run(ctx, budget);
    if (reason === ExitReason.BUDGET) continue;
    scope.postMessage(reason);
    return;
  }
};
