// A list of one user's devices, as a Relay front end writes it. It is compiled and never run: the
// test executes the artifacts that the compiler generates.
const { graphql } = require("relay-runtime");

module.exports.query = graphql`
  query DeviceListQuery($mobile: String!) {
    user(mobile: $mobile) {
      id
      username
      alertCursor
      ...DeviceList_user
    }
  }
`;

// The compiler generates DeviceListPaginationQuery for this fragment, which reads `node(id:)`.
module.exports.fragment = graphql`
  fragment DeviceList_user on User
  @refetchable(queryName: "DeviceListPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
    sessions(first: $count, after: $cursor) @connection(key: "DeviceList_sessions") {
      totalCount
      edges {
        node {
          id
          ...DeviceList_session
        }
      }
    }
  }
`;

module.exports.item = graphql`
  fragment DeviceList_session on Session {
    isValid
    status
    createdAt
    device {
      label
    }
    replacedBy {
      id
    }
  }
`;

module.exports.alerts = graphql`
  subscription DeviceListAlertsSubscription($mobile: String, $after: ID) {
    sessionAlerts(mobile: $mobile, after: $after) {
      id
      kind
      session {
        ...DeviceList_session
      }
    }
  }
`;

module.exports.logOut = graphql`
  mutation DeviceListLogOutMutation($input: InvalidateSessionInput!) {
    invalidateSession(input: $input) {
      session {
        ...DeviceList_session
      }
    }
  }
`;
