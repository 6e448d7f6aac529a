import { newDemoUser } from '../demo/demo-user';

/** Each visit has a user of its own, so that the first step succeeds again. */
const { mobile } = newDemoUser();

/** The tabs of a new editor: the steps from sign-up to a second device, one for each tab. */
export const startOperations: { query: string; variables?: string }[] = [
  {
    query: `# Step 1 of 8. Register a user on a first device.
# This opens the user's first session.
mutation CreateUser {
  createUser(
    input: { mobile: "${mobile}", username: "SavingsBank" }
  ) {
    message
    token
    session {
      sessionKey
      userAgent
      ipAddress
      isValid
      status
    }
  }
}`,
  },
  {
    query: `# Step 2 of 8. Listen for alerts, as the first device does.
# Run this and leave it running. Each alert appears in the
# event log below at once, and the latest one in this pane.
# It keeps running while you open the next steps.
subscription SessionAlerts {
  sessionAlerts(mobile: "${mobile}") {
    id
    sequence
    kind
    message
    createdAt
    attempt {
      id
      userAgent
      device {
        label
      }
      ipAddress
      matchChoices
    }
    session {
      sessionKey
      status
    }
  }
}`,
  },
  {
    query: `# Step 3 of 8. Log in on a second device.
# It is refused, because the first device has the active
# session. The first device gets an alert.
mutation SecondLogin {
  login(
    input: {
      mobile: "${mobile}"
      username: "SavingsBank"
      userAgent: "Thunder Client"
      ipAddress: "::ffff:127.0.0.2"
    }
  ) {
    outcome
    message
    session {
      sessionKey
    }
    token
  }
}`,
  },
  {
    query: `# Step 4 of 8. Log in again, and ask for approval.
# The login waits for two minutes and shows a number. The
# first device gets a LOGIN_PENDING alert with three numbers.
# Step 5 needs the id of its attempt.
mutation AskFirst {
  login(
    input: {
      mobile: "${mobile}"
      username: "SavingsBank"
      userAgent: "Thunder Client"
      ipAddress: "::ffff:127.0.0.3"
      onConflict: ASK
    }
  ) {
    outcome
    message
    matchNumber
    session {
      sessionKey
      isValid
      status
      expiresAt
    }
    token
  }
}`,
  },
  {
    query: `# Step 5 of 8. Decide, as the first device does.
# The Variables pane has the attempt of the last alert that
# asks, if step 2 is running.
# With APPROVE the second device is logged in. With DENY
# the first one keeps its session. A device must send the
# number of the second one to approve; the service need not.
mutation DecideLogin(
  $attemptId: ID!
  $decision: LoginDecision!
  $matchNumber: Int
) {
  decideLogin(
    input: {
      attemptId: $attemptId
      decision: $decision
      matchNumber: $matchNumber
    }
  ) {
    message
    session {
      sessionKey
      isValid
      status
      endReason
    }
  }
}`,
    variables: `{
  "attemptId": "",
  "decision": "DENY"
}`,
  },
  {
    query: `# Step 6 of 8. Log in again, and take over.
# The first session ends, and its device gets an alert.
# Under “Send as”, you can now choose its token.
mutation TakeOver {
  login(
    input: {
      mobile: "${mobile}"
      username: "SavingsBank"
      userAgent: "Thunder Client"
      ipAddress: "::ffff:127.0.0.2"
      onConflict: TAKE_OVER
    }
  ) {
    outcome
    message
    session {
      sessionKey
      isValid
      status
    }
    token
  }
}`,
  },
  {
    query: `# Step 7 of 8. End the session.
# The Variables pane has the key of the last session that
# a login opened.
mutation InvalidateSession($sessionKey: ID!) {
  invalidateSession(input: { sessionKey: $sessionKey }) {
    message
    session {
      sessionKey
      isValid
      status
      endReason
    }
  }
}`,
    variables: `{
  "sessionKey": ""
}`,
  },
  {
    query: `# Step 8 of 8. Read the user and all sessions.
query UserSessions {
  user(mobile: "${mobile}") {
    id
    mobile
    username
    activeSession {
      sessionKey
    }
    sessions {
      nodes {
        sessionKey
        userAgent
        ipAddress
        isValid
        status
        createdAt
        endReason
      }
    }
  }
}`,
  },
];
