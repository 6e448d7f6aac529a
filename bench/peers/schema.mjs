// The part of sessiond's schema that the benchmark uses, over `database.mjs`.
export const typeDefs = `
  scalar DateTime
  enum SessionStatus { PENDING ACTIVE ENDED }
  type Device { label: String! }
  type User {
    id: ID!
    mobile: String!
    username: String!
    sessions(first: Int): SessionConnection!
  }
  type SessionConnection { nodes: [Session!]! }
  type Session {
    sessionKey: ID!
    user: User!
    device: Device!
    ipAddress: String!
    isValid: Boolean!
    status: SessionStatus!
    createdAt: DateTime!
    lastSeenAt: DateTime!
    expiresAt: DateTime!
  }
  type Query {
    currentSession: Session
    user(mobile: String!): User
  }
`;

/** The resolvers. The context of each request has the value of `Authorization`. */
export function resolversOf(database) {
  return {
    Query: {
      currentSession: (_, __, { authorization }) => database.sessionByToken(authorization),
      user: (_, { mobile }, { authorization }) =>
        database.userByMobile(mobile, database.sessionByToken(authorization)),
    },
    User: {
      sessions: (user, { first = 20 }) => ({ nodes: database.sessionsOf(user, first) }),
    },
  };
}
