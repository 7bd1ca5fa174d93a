/** Acts at the first call, and returns at every later one what came of it. One that throws is called again. */
export function once<T>(act: () => T): () => T {
  let done: { readonly value: T } | undefined;
  return () => {
    done ??= { value: act() };
    return done.value;
  };
}
