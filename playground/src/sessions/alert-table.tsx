import type { AlertFragment } from '../gql/graphql';
import { alertKinds } from '../ui/alert-kinds';
import { Instant } from './instant';
import styles from './table.module.css';

/** A page of the alert log. */
export function AlertTable({ alerts }: { alerts: readonly AlertFragment[] }) {
  if (alerts.length === 0) return <p className={styles.none}>This user has no alerts yet.</p>;
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">No.</th>
          <th scope="col">Alert</th>
          <th scope="col">Device</th>
          <th scope="col">Address</th>
          <th scope="col">Time</th>
        </tr>
      </thead>
      <tbody>
        {alerts.map((alert) => (
          <tr key={alert.id} className={styles.fresh}>
            <td data-label="No.">{alert.sequence}</td>
            <td className={styles.main}>
              <span className={styles.status} data-tone={alertKinds[alert.kind].tone}>
                {alertKinds[alert.kind].title}
              </span>
            </td>
            <td data-label="Device">
              {alert.attempt ? (
                <bdi>{alert.attempt.device.label}</bdi>
              ) : (
                <span className={styles.noDevice}>{alert.message}</span>
              )}
            </td>
            <td data-label="Address">
              <span className={styles.address}>{alert.attempt?.ipAddress ?? '–'}</span>
            </td>
            <td data-label="Time">
              <Instant at={alert.createdAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
