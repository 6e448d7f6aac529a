import { Icon } from '../ui/icon';
import { shortTime } from '../ui/time';
import { useNow } from '../ui/use-now';
import type { Phone } from './model';
import { Notifications } from './notifications';
import styles from './phone.module.css';
import { Screen } from './screens';
import { useStory } from './story-context';

/** A phone: its frame, what its status bar says of the connection, its app, and the alerts on top. */
export function PhoneView({ phone }: { phone: Phone }) {
  const latest = phone.received[0];
  return (
    <div className={styles.device}>
      <header className={styles.name}>
        <h2 id={`device-${phone.id}-name`}>Device {phone.id}</h2>
        <Connection phone={phone} />
      </header>
      <div className={styles.frame} data-device={phone.id}>
        {latest && <span key={latest.alert.id} className={styles.halo} aria-hidden="true" />}
        <div className={styles.screen}>
          <StatusBar connected={phone.stream !== 'away' && phone.stream !== 'lost'} />
          <div className={styles.content}>
            <Notifications phone={phone} />
            <Screen phone={phone} />
          </div>
          <span className={styles.home} aria-hidden="true" />
        </div>
      </div>
    </div>
  );
}

function StatusBar({ connected }: { connected: boolean }) {
  const now = useNow(10_000);
  return (
    <div className={styles.status} aria-hidden="true">
      <span>{shortTime(now)}</span>
      <span className={styles.island} />
      <span className={styles.signs}>
        <Icon name={connected ? 'wifi' : 'offline'} size={16} />
        <span className={styles.battery} />
      </span>
    </div>
  );
}

const streams: Record<Phone['stream'], { says: string; tone: string }> = {
  off: { says: 'Not listening', tone: 'plain' },
  connecting: { says: 'Connecting', tone: 'warning' },
  open: { says: 'Listening', tone: 'good' },
  lost: { says: 'Connection lost', tone: 'bad' },
  away: { says: 'Disconnected', tone: 'bad' },
  completed: { says: 'Stream complete', tone: 'plain' },
  refused: { says: 'Not listening', tone: 'plain' },
};

/** Whether the phone hears alerts, and the switch that cuts it off. */
function Connection({ phone: { id, stream, stage } }: { phone: Phone }) {
  const story = useStory();
  const { says, tone } = streams[stream];
  const away = stream === 'away';
  const canSwitch = stage === 'active' || stage === 'pending';
  return (
    <div className={styles.connection}>
      <span className={styles.stream} data-tone={tone}>
        {says}
      </span>
      {canSwitch && (
        <button type="button" onClick={() => void (away ? story.reconnect(id) : story.disconnect(id))}>
          <Icon name={away ? 'wifi' : 'offline'} size={15} />
          {away ? 'Reconnect' : 'Disconnect'}
        </button>
      )}
    </div>
  );
}
