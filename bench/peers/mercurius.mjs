// Mercurius on Fastify, with its JIT: `node mercurius.mjs DATABASE`.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { open } from './database.mjs';
import { resolversOf, typeDefs } from './schema.mjs';

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: resolversOf(open(process.argv[2])),
  context: (request) => ({ authorization: request.headers.authorization }),
  // An operation is compiled when it is executed for the first time.
  jit: 1,
});
console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
