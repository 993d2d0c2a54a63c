/** Gives the terminal back however the process ends: an error that nobody caught, a promise that nobody awaited, a signal, exit. */

const SIGNALS: readonly (readonly [Deno.Signal, number])[] = [["SIGTERM", 15], ["SIGHUP", 1], ["SIGINT", 2]];

/** @param restore may be called more than once. @returns what ends the guard */
export function guardTerminal(restore: () => void): () => void {
  const onEnd = () => restore();
  const signals = SIGNALS.map(([signal, number]) => {
    const listener = () => {
      restore();
      Deno.exit(128 + number);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  const events = ["error", "unhandledrejection", "unload"];
  events.forEach((event) => globalThis.addEventListener(event, onEnd));
  return () => {
    signals.forEach((end) => end());
    events.forEach((event) => globalThis.removeEventListener(event, onEnd));
  };
}
