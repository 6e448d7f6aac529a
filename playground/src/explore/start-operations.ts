/** The tabs at first open: one user's way from sign-up to a second device, one step a tab. */
export const startOperations: { query: string; variables?: string }[] = [
  {
    query: `# Step 1 of 8. Register a user, on a first device.
# This opens the user's first session.
mutation CreateUser {
  createUser(
    input: { mobile: "9012345678", username: "SavingsBank" }
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
    query: `# Step 2 of 8. Listen, as the first device does.
# Run this and leave it running: each alert shows in the
# event log below at once, and the latest in this pane.
# It goes on while you take the next steps in other tabs.
subscription SessionAlerts {
  sessionAlerts(mobile: "9012345678") {
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
# It is refused, for the first holds the session,
# and the first device is alerted.
mutation SecondLogin {
  login(
    input: {
      mobile: "9012345678"
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
    query: `# Step 4 of 8. Log in again, and ask.
# The login waits for two minutes, and the first device
# is alerted. Copy attempt.id of its LOGIN_PENDING alert
# from the event log for step 5.
mutation AskFirst {
  login(
    input: {
      mobile: "9012345678"
      username: "SavingsBank"
      userAgent: "Thunder Client"
      ipAddress: "::ffff:127.0.0.3"
      onConflict: ASK
    }
  ) {
    outcome
    message
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
    query: `# Step 5 of 8. Answer, as the first device does.
# Paste the attempt.id of step 4 into the Variables pane.
# APPROVE lets the second device in; with DENY the first
# one keeps the session.
mutation DecideLogin(
  $attemptId: ID!
  $decision: LoginDecision!
) {
  decideLogin(
    input: { attemptId: $attemptId, decision: $decision }
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
# The first session ends, and its device is alerted.
# Copy the new sessionKey for step 7.
mutation TakeOver {
  login(
    input: {
      mobile: "9012345678"
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
# Paste the sessionKey of step 6 into the Variables pane.
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
    query: `# Step 8 of 8. Look at the user, and every session so far.
query UserSessions {
  user(mobile: "9012345678") {
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
