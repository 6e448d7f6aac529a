// A front end in strict TypeScript. It is type-checked and never run: it compiles only if the
// generated types match the schema.

import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";
import { type FragmentType, graphql, useFragment } from "./__generated__";
import {
  type CreateUserInput,
  type DeviceFieldsFragment,
  LoginOutcome,
  OnConflict,
  SessionStatus,
} from "./__generated__/graphql";

export const deviceFields = graphql(`
  fragment DeviceFields on Session {
    id
    sessionKey
    isValid
    status
    createdAt
    endedAt
    device {
      label
      browser
    }
  }
`);

const login = graphql(`
  mutation Login($input: LoginInput!) {
    login(input: $input) {
      outcome
      message
      token
      session {
        ...DeviceFields
      }
    }
  }
`);

export const devices = graphql(`
  query Devices($mobile: String!, $after: String) {
    user(mobile: $mobile) {
      id
      sessions(first: 10, after: $after) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            ...DeviceFields
          }
        }
      }
    }
  }
`);

const alerts = graphql(`
  subscription Alerts($after: ID) {
    sessionAlerts(after: $after) {
      id
      sequence
      kind
      createdAt
      attempt {
        id
        ipAddress
      }
      session {
        ...DeviceFields
      }
    }
  }
`);

const object = graphql(`
  query Object($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on User {
        username
      }
    }
  }
`);

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>) => {};

// Custom scalars and nullability match the schema.
same<DeviceFieldsFragment["createdAt"], string>(true);
same<DeviceFieldsFragment["endedAt"], string | null>(true);
same<DeviceFieldsFragment["device"]["browser"], string | null>(true);
same<ResultOf<typeof login>["login"]["token"], string | null>(true);
same<ResultOf<typeof alerts>["sessionAlerts"]["createdAt"], string>(true);
same<ResultOf<typeof alerts>["sessionAlerts"]["sequence"], number>(true);
same<CreateUserInput["mobile"], string>(true);

// `__typename` narrows a node to its type.
export function name(node: NonNullable<ResultOf<typeof object>["node"]>): string {
  return node.__typename === "User" ? node.username : node.id;
}

export const variables: VariablesOf<typeof login> = {
  input: { mobile: "9012345678", username: "SavingsBank", onConflict: OnConflict.TakeOver },
};
// @ts-expect-error: the schema requires a username.
export const incomplete: VariablesOf<typeof login> = { input: { mobile: "9012345678" } };

export function label(session: FragmentType<typeof deviceFields>): string {
  const { device, status } = useFragment(deviceFields, session);
  return status === SessionStatus.Active ? device.label : `${device.label} (${status})`;
}

export function welcome({ login: result }: ResultOf<typeof login>): string {
  return result.outcome === LoginOutcome.Refused || !result.session ? result.message : label(result.session);
}
