/** The text of an operation, with the types of its result and of its variables. */
export type Operation<Result, Variables> = string & {
  // Only for the type checker: the value is a string.
  readonly __types?: (variables: Variables) => Result;
};
