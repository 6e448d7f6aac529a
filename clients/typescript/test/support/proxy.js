// A TCP proxy in front of the server, which breaks connections in the ways that networks do.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const pairs = new Set();
  let isFrozen = false;
  const listener = createServer((inner) => {
    const outer = connect(Number(port), hostname);
    const pair = [inner, outer];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      // A frozen connection gets no end either.
      if (!isFrozen) for (const socket of pair) socket.destroy();
    };
    for (const [from, to] of [pair, [outer, inner]]) {
      from.on("data", (bytes) => {
        if (!isFrozen) to.write(bytes);
      });
      from.on("error", end).on("close", end);
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const drop = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
  };
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    /** Resets every open connection. */
    cut: drop,
    /** Swallows all bytes from now on, as a network does that the device has left. */
    freeze: () => {
      isFrozen = true;
    },
    thaw: () => {
      drop();
      isFrozen = false;
    },
    get connections() {
      return pairs.size;
    },
    async stop() {
      drop();
      listener.close();
    },
  };
}
