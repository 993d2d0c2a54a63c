import { z } from "zod";
import { configSchema } from "./keys/mod.ts";

/** The JSON schema of a configuration in JSON (`config convert --to json`), with each key's meaning, for editors. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(configSchema, { io: "input", target: "draft-2020-12" });
  return { ...schema, title: "A Xenolith domain configuration" };
}
