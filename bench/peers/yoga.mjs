// GraphQL Yoga on Node's HTTP server: `node yoga.mjs DATABASE`.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { open } from './database.mjs';
import { resolversOf, typeDefs } from './schema.mjs';

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers: resolversOf(open(process.argv[2])) }),
  context: ({ request }) => ({ authorization: request.headers.get('authorization') }),
  graphiql: false,
  landingPage: false,
  logging: false,
});
const server = createServer(yoga);
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
