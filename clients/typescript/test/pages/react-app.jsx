import { createClient } from "@sessiond/client";
import { SessiondProvider, useAlert, useLoginQuestion, useSession } from "@sessiond/client/react";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

function Status() {
  const { status, alerts, ended } = useSession();
  return (
    <ul>
      <li>status: {status}</li>
      <li>alerts: {alerts.length}</li>
      <li>reason: {ended?.reason}</li>
    </ul>
  );
}

function Live() {
  const [sequence, setSequence] = useState(0);
  useAlert((alert) => setSequence(alert.sequence));
  return <p>received now: {sequence}</p>;
}

function Question() {
  const { question, decide } = useLoginQuestion();
  if (!question) return null;
  const { userAgent, matchChoices } = question.attempt;
  return (matchChoices ?? [null]).map((number) => (
    <button key={number} type="button" onClick={() => decide("APPROVE", number)}>
      Let {userAgent} in {number}
    </button>
  ));
}

export function start(options) {
  const client = createClient({ ...options, retry: { min: 10, max: 100 } });
  const root = document.body.appendChild(document.createElement("div"));
  createRoot(root).render(
    <StrictMode>
      <SessiondProvider client={client}>
        <Status />
        <Live />
        <Question />
      </SessiondProvider>
    </StrictMode>,
  );
}
