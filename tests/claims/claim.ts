/** What the README claims: tests/claims.json, typed. */
import { z } from "zod";

const regularExpression = z.string().transform((text, context) => {
  try {
    return new RegExp(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});

/** Waits for a pattern on the console, then types. */
const step = z.strictObject({
  await: regularExpression,
  send: z.string().optional(),
  /** Between the two: what is typed is for a program that has to get so far first. */
  pauseSeconds: z.number().positive().optional(),
  /** The machine may have much else to do. */
  seconds: z.number().positive().default(180),
});

const judge = z.discriminatedUnion("kind", [
  /** The guest says it itself, on its console; then the command ends with this code. */
  z.strictObject({
    kind: z.literal("guest's own output"),
    steps: z.array(step).min(1),
    /** "running": the claim is about the way to where the steps end. */
    exit: z.union([z.number().int(), z.literal("running")]).default(0),
    stderr: regularExpression.optional(),
    /** The command gets a pseudo-terminal of this size and TERM, by util-linux' script. */
    terminal: z.strictObject({
      rows: z.number().int().positive(),
      columns: z.number().int().positive(),
      kind: z.string(),
    }).optional(),
  }),
  /** The guest prints its time of day again and again, in seconds since 1970; how far that moves against this process's clock. */
  z.strictObject({
    kind: z.literal("host's clock"),
    steps: z.array(step).min(1),
    /** Its one group is the time. */
    stamp: regularExpression,
    seconds: z.number().positive().default(60),
    /** Times of the first and the last so many seconds are compared: those that were on their way the shortest. */
    windowSeconds: z.number().positive().default(10),
    maximumDriftMs: z.number().positive(),
  }),
  /** The host's /proc tells what the command costs after the steps, while the guest is left alone. */
  z.strictObject({
    kind: z.literal("host accounting"),
    steps: z.array(step).min(1),
    settleSeconds: z.number().positive().default(5),
    seconds: z.number().positive(),
    maximumCorePercent: z.number().positive().optional(),
    maximumResidentMiB: z.number().positive().optional(),
    /** Beyond the frames that the guest has touched, of which it has so many. */
    maximumBeyondGuestMiB: z.number().positive().optional(),
    guestMiB: z.number().int().positive().default(256),
  }),
  /** The command leaves files in $FOLDER; a program that is not ours, run there, ends with 0. */
  z.strictObject({
    kind: z.literal("another program"),
    program: z.array(z.string()).min(1),
    seconds: z.number().positive().default(600),
  }),
  /** A file that the command leaves in $FOLDER has this in it. */
  z.strictObject({
    kind: z.literal("a file's contents"),
    path: z.string(),
    contains: regularExpression,
    seconds: z.number().positive().default(600),
  }),
]);

const shown = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  capability: z.string(),
  /** The guest or client that this repository does not contain, on which it is shown. */
  on: z.string(),
  /**
   * "xenolith ARG..." runs this tree's own command, "deno ARG..." the same Deno; else a program of the machine. $FOLDER
   * becomes a folder for what it leaves behind, $XENOLITH and $DENO in a shell's words this tree's command and the same Deno.
   */
  command: z.array(z.string()).min(1),
  judge,
});

const absent = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  capability: z.string(),
  /** What happens today. */
  absent: z.string(),
});

const file = z.strictObject({ claims: z.array(z.union([absent, shown])) });

export type Claim = z.infer<typeof shown>;
export type Absence = z.infer<typeof absent>;
export type Judge = Claim["judge"];

/** @throws Error that names what is wrong with the file */
export function parseClaims(text: string): (Claim | Absence)[] {
  const result = file.safeParse(JSON.parse(text));
  if (!result.success) throw new Error(`tests/claims.json: ${z.prettifyError(result.error)}`);
  const { claims } = result.data;
  const seen = new Set<string>();
  for (const { id } of claims) {
    if (seen.has(id)) throw new Error(`tests/claims.json: two claims are called ${id}`);
    seen.add(id);
  }
  return claims;
}
