import type { Expression, Parameters, Statement } from "./ast.ts";

function addTarget(target: Expression, names: Set<string>): void {
  if (target.kind === "name") names.add(target.id);
  else if (target.kind === "tuple" || target.kind === "list") {
    target.items.forEach((item) => addTarget(item, names));
  }
}

function collect(statements: readonly Statement[], names: Set<string>, globals: Set<string>): void {
  const blocks = (...bodies: (readonly Statement[])[]) =>
    bodies.forEach((body) => collect(body, names, globals));
  for (const statement of statements) {
    switch (statement.kind) {
      case "assign":
        statement.targets.forEach((target) => addTarget(target, names));
        break;
      case "augmented":
        addTarget(statement.target, names);
        break;
      case "for":
        addTarget(statement.target, names);
        blocks(statement.body, statement.otherwise);
        break;
      case "while":
        blocks(statement.body, statement.otherwise);
        break;
      case "if":
        blocks(...statement.branches.map(({ body }) => body), statement.otherwise);
        break;
      case "try":
        for (const { name } of statement.handlers) if (name !== undefined) names.add(name);
        blocks(
          statement.body,
          ...statement.handlers.map(({ body }) => body),
          statement.otherwise,
          statement.finally,
        );
        break;
      case "def":
        names.add(statement.name);
        break;
      case "import":
        for (const { module, as } of statement.names) names.add(as ?? module.split(".")[0]);
        break;
      case "from":
        if (statement.names !== "*") { for (const { as } of statement.names) names.add(as); }
        break;
      case "delete":
        statement.targets.forEach((target) => addTarget(target, names));
        break;
      case "global":
        for (const name of statement.names) globals.add(name);
    }
  }
}

/** The names that belong to a function: what it assigns anywhere, but for its globals. */
export function localNames(parameters: Parameters, body: readonly Statement[]): ReadonlySet<string> {
  const names = new Set<string>();
  const globals = new Set<string>();
  collect(body, names, globals);
  for (const name of globals) names.delete(name);
  for (const { name } of parameters.plain) names.add(name);
  if (parameters.rest !== undefined) names.add(parameters.rest);
  if (parameters.keywords !== undefined) names.add(parameters.keywords);
  return names;
}
