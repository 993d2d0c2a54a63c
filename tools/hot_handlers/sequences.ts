/**
 * Which runs of handlers are worth a case of their own: neighbours are joined, the most frequent first, until there are enough (the way of
 * byte pair encoding). What is found depends on counted blocks only.
 */

/** A block as counted: how often it was entered, and its handlers' names in order. */
export interface CountedBlock {
  readonly entries: number;
  readonly names: readonly string[];
}

export interface SequenceLimits {
  readonly count: number;
  /** Handlers of one sequence at most. */
  readonly length: number;
}

/** What leaves a block, or may; only the last handler of a sequence does. */
export type Leaves = (name: string) => boolean;

/** A conditional jump is thought to go on with the block this often. */
const GOES_ON = 0.5;

const SEPARATOR = "\n";

interface Run {
  weights: number[];
  tokens: string[];
}

/** A block's tokens with what each is worth; handlers that may not be part of a sequence break it. */
function runsOf({ entries, names }: CountedBlock, total: number, leaves: Leaves, may: Leaves): Run[] {
  const runs: Run[] = [];
  let run: Run = { weights: [], tokens: [] };
  let weight = entries / total;
  const close = () => {
    if (run.tokens.length > 1) runs.push(run);
    run = { weights: [], tokens: [] };
  };
  for (const name of names) {
    if (may(name)) {
      run.tokens.push(name);
      run.weights.push(weight);
    } else close();
    if (leaves(name)) {
      weight *= GOES_ON;
      close();
    }
  }
  close();
  return runs;
}

/**
 * @param profiles blocks of each profile; all profiles count alike, whatever they ran
 * @param leaves whether a handler may go elsewhere than to the next record
 * @param may whether a handler may stand in a sequence
 * @returns sequences of at least two names, the most useful first
 */
export function chooseSequences(
  profiles: readonly (readonly CountedBlock[])[],
  leaves: Leaves,
  may: Leaves,
  limits: SequenceLimits,
): string[][] {
  const runs = profiles.flatMap((blocks) => {
    const total = blocks.reduce((sum, { entries, names }) => sum + entries * names.length, 0);
    return blocks.flatMap((block) => runsOf(block, total, leaves, may));
  });
  const found = new Set<string>();
  while (found.size < limits.count) {
    const counts = new Map<string, number>();
    for (const { tokens, weights } of runs) {
      for (let i = 0; i + 1 < tokens.length; i++) {
        const joined = tokens[i] + SEPARATOR + tokens[i + 1];
        counts.set(joined, (counts.get(joined) ?? 0) + weights[i]);
      }
    }
    let best: string | undefined, most = 0;
    for (const [joined, count] of counts) {
      if (count > most && joined.split(SEPARATOR).length <= limits.length) [best, most] = [joined, count];
    }
    if (best === undefined) break;
    found.add(best);
    for (const { tokens, weights } of runs) {
      for (let i = 0; i + 1 < tokens.length; i++) {
        if (tokens[i] + SEPARATOR + tokens[i + 1] !== best) continue;
        tokens.splice(i, 2, best);
        weights.splice(i + 1, 1);
      }
    }
  }
  return [...found].map((joined) => joined.split(SEPARATOR));
}
