/** Python's statements and expressions, as far as configurations use them. */
import type { Span } from "../source.ts";

export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**" | "<<" | ">>" | "&" | "|" | "^";
export type UnaryOperator = "+" | "-" | "~" | "not";
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in" | "is" | "is not";

export interface Parameter {
  readonly name: string;
  readonly default?: Expression;
}

export interface Parameters {
  readonly plain: readonly Parameter[];
  /** *NAME */
  readonly rest?: string;
  /** **NAME */
  readonly keywords?: string;
}

export interface Clause {
  readonly target: Expression;
  readonly iterable: Expression;
  readonly conditions: readonly Expression[];
}

export interface Argument {
  /** name=VALUE */
  readonly name?: string;
  readonly star?: "*" | "**";
  readonly value: Expression;
}

interface Node<K extends string> {
  readonly kind: K;
  readonly span: Span;
}

export type Expression =
  | Node<"constant"> & { readonly value: string | bigint | number | boolean | null }
  | Node<"name"> & { readonly id: string }
  | Node<"list"> & { readonly items: readonly Expression[] }
  | Node<"tuple"> & { readonly items: readonly Expression[] }
  | Node<"dict"> & { readonly entries: readonly (readonly [Expression, Expression])[] }
  | Node<"unary"> & { readonly operator: UnaryOperator; readonly operand: Expression }
  /** A chain of operators of one level, from left to right: as long as it likes, evaluated in a loop. */
  | Node<"binary"> & {
    readonly first: Expression;
    readonly rest: readonly {
      readonly operator: BinaryOperator;
      readonly operand: Expression;
      readonly span: Span;
    }[];
  }
  | Node<"logic"> & { readonly operator: "and" | "or"; readonly operands: readonly Expression[] }
  | Node<"compare"> & {
    readonly first: Expression;
    readonly rest: readonly { readonly operator: Comparison; readonly operand: Expression }[];
  }
  | Node<"conditional"> & {
    readonly test: Expression;
    readonly then: Expression;
    readonly otherwise: Expression;
  }
  | Node<"lambda"> & { readonly parameters: Parameters; readonly body: Expression }
  | Node<"attribute"> & { readonly object: Expression; readonly name: string }
  | Node<"subscript"> & { readonly object: Expression; readonly index: Expression }
  | Node<"slice"> & {
    readonly lower?: Expression;
    readonly upper?: Expression;
    readonly step?: Expression;
  }
  | Node<"call"> & { readonly callee: Expression; readonly arguments: readonly Argument[] }
  | Node<"comprehension"> & {
    readonly shape: "list" | "dict";
    readonly element: Expression;
    /** Of a dict: the value; `element` is the key. */
    readonly value?: Expression;
    readonly clauses: readonly Clause[];
  };

export interface Handler {
  readonly types?: Expression;
  readonly name?: string;
  readonly body: readonly Statement[];
}

export type Statement =
  | Node<"expression"> & { readonly value: Expression }
  | Node<"assign"> & { readonly targets: readonly Expression[]; readonly value: Expression }
  | Node<"augmented"> & {
    readonly target: Expression;
    readonly operator: BinaryOperator;
    readonly value: Expression;
  }
  | Node<"if"> & {
    readonly branches: readonly { readonly test: Expression; readonly body: readonly Statement[] }[];
    readonly otherwise: readonly Statement[];
  }
  | Node<"for"> & {
    readonly target: Expression;
    readonly iterable: Expression;
    readonly body: readonly Statement[];
    readonly otherwise: readonly Statement[];
  }
  | Node<"while"> & {
    readonly test: Expression;
    readonly body: readonly Statement[];
    readonly otherwise: readonly Statement[];
  }
  | Node<"def"> & {
    readonly name: string;
    readonly parameters: Parameters;
    readonly body: readonly Statement[];
  }
  | Node<"return"> & { readonly value?: Expression }
  | Node<"pass">
  | Node<"break">
  | Node<"continue">
  | Node<"import"> & { readonly names: readonly { readonly module: string; readonly as?: string }[] }
  | Node<"from"> & {
    readonly module: string;
    readonly names: readonly { readonly name: string; readonly as: string }[] | "*";
  }
  | Node<"global"> & { readonly names: readonly string[] }
  | Node<"raise"> & { readonly value?: Expression; readonly argument?: Expression }
  | Node<"assert"> & { readonly test: Expression; readonly message?: Expression }
  | Node<"delete"> & { readonly targets: readonly Expression[] }
  | Node<"print"> & { readonly values: readonly Expression[] }
  | Node<"try"> & {
    readonly body: readonly Statement[];
    readonly handlers: readonly Handler[];
    readonly otherwise: readonly Statement[];
    readonly finally: readonly Statement[];
  };
