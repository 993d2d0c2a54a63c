/** What a real host is made of: pCPU workers with the interpreter, PV guests. */
import { Engine } from "../cpu/engine.ts";
import { buildInterpreter, type InterpreterImage, type InterpreterStore } from "../cpu/interpreter.ts";
import type { Domain } from "./domain.ts";
import type { HostParts } from "./host.ts";
import { pvSupport } from "./pv_support.ts";
import { pvEngineHooks } from "./traps/engine_hooks.ts";
import { workerScript } from "./worker_script.ts";

/** An engine over a domain's memory. */
export function makeXenEngine(image: InterpreterImage, domain: Domain): Engine {
  const { memory, layout } = domain;
  return new Engine({ image, memory, layout, hooks: pvEngineHooks(domain) });
}

let image: InterpreterImage | undefined;

/**
 * The parts of a host that runs Xen guests. The interpreter is made once a process, when it is first needed.
 * @param store has it from an earlier process, perhaps
 */
export function xenParts(store?: InterpreterStore): HostParts {
  const interpreter = () => image ??= buildInterpreter({}, store);
  return {
    workerUrl: workerScript(import.meta.url, "core/hypervisor/parts.ts", "core/hypervisor/pcpu_worker.ts"),
    support: pvSupport,
    get image() {
      return interpreter();
    },
    makeEngine: (domain) => makeXenEngine(interpreter(), domain),
  };
}
