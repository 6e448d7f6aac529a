/** The URLs of a server. */
export interface Endpoints {
  graphql: string;
  socket: string;
  verify: string;
}

/**
 * Reads the address of a server, with or without `/graphql`. In a page it may be relative, and the
 * default is the server that the page came from.
 */
export function endpointsOf(url: string | URL | undefined): Endpoints {
  const page = typeof location === "object" && location ? location.href : undefined;
  if (url === undefined && page === undefined) throw new TypeError("`url` is required outside of a page");
  const address = new URL(url ?? "/", page);
  if (!["http:", "https:"].includes(address.protocol)) {
    throw new TypeError(`\`url\` must begin with http:// or https://, and is ${address}`);
  }
  const base = `${address.origin}${address.pathname.replace(/\/(graphql\/?)?$/, "")}`;
  return {
    graphql: `${base}/graphql`,
    socket: `${base.replace(/^http/, "ws")}/graphql`,
    verify: `${base}/verify`,
  };
}
