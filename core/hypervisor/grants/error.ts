/** A grant or port that a domain named is not what Domain-0's backend needs; worded for its log. */
export class GrantError extends Error {
  override name = "GrantError";
}
