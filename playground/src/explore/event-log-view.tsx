import { Button } from '@mantine/core';
import { useState } from 'react';
import { Code } from '../ui/code';
import { timeOfDay } from '../ui/time';
import { type EventLog, isOver, type LoggedEvent, type LogState } from './event-log';
import styles from './event-log-view.module.css';

const statuses: Record<LoggedEvent['status'], { label: string; tone: string }> = {
  started: { label: 'Started', tone: 'plain' },
  connected: { label: 'Connected', tone: 'good' },
  event: { label: 'Event', tone: 'accent' },
  error: { label: 'Error', tone: 'bad' },
  completed: { label: 'Completed', tone: 'plain' },
  stopped: { label: 'Stopped', tone: 'plain' },
  failed: { label: 'Failed', tone: 'bad' },
};

/** The events of the subscriptions of all tabs, the latest on top. */
export function EventLogView({ log, state: { runs, events } }: { log: EventLog; state: LogState }) {
  const running = runs.filter((run) => !isOver(run));
  return (
    <section className={styles.log} aria-labelledby="event-log">
      <header className={styles.head}>
        <h2 id="event-log">Event log</h2>
        {running.map((run) => (
          <span key={run.id} className={styles.run}>
            {run.name} ({run.identity}): {run.count} {run.count === 1 ? 'event' : 'events'}
            <Button size="compact-xs" variant="default" onClick={() => log.stop(run.id)}>
              Stop<span className="visually-hidden"> {run.name}</span>
            </Button>
          </span>
        ))}
        <Button
          className={styles.clear}
          size="compact-xs"
          variant="subtle"
          disabled={events.length === 0}
          onClick={() => log.clear()}
        >
          Clear
        </Button>
      </header>
      {events.length === 0 ? (
        <p className={styles.none}>
          Run a subscription: each event appears here. The subscription keeps running when you leave its tab.
        </p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it only if it can have the focus.
        <section className={styles.rows} tabIndex={0} aria-label="Events, latest first">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">No.</th>
                <th scope="col">Status</th>
                <th scope="col">Subscription</th>
                <th scope="col">Payload</th>
              </tr>
            </thead>
            <tbody>
              {events.map((event) => (
                <Row key={event.id} event={event} name={runs.find(({ id }) => id === event.run)?.name ?? ''} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

function Row({ event: { at, number, status, payload }, name }: { event: LoggedEvent; name: string }) {
  const [open, setOpen] = useState(false);
  const { label, tone } = statuses[status];
  return (
    <>
      <tr>
        <td>{timeOfDay(at)}</td>
        <td>{number}</td>
        <td>
          <span className={styles.status} data-tone={tone}>
            {label}
          </span>
        </td>
        <td>{name}</td>
        <td>
          {payload !== null && (
            <button type="button" className={styles.summary} aria-expanded={open} onClick={() => setOpen(!open)}>
              {JSON.stringify(payload)}
            </button>
          )}
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={5}>
            <Code text={JSON.stringify(payload, null, 2)} label={`${label} ${number ?? ''} in full`} />
          </td>
        </tr>
      )}
    </>
  );
}
