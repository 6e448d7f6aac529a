import { useRef } from 'react';
import { useDemo } from '../demo/demo-context';
import type { Phone } from '../demo/model';
import { Icon } from '../ui/icon';
import { shortTime } from '../ui/time';
import { useKeepFocus } from '../ui/use-keep-focus';
import { useNow } from '../ui/use-now';
import { Notifications } from './notifications';
import styles from './phone.module.css';
import { Screen } from './screens';

/** A phone: the frame, the status bar, the app, and the alerts on top. */
export function PhoneView({ phone }: { phone: Phone }) {
  const latest = phone.received[0];
  const screen = useRef<HTMLDivElement>(null);
  useKeepFocus(screen);
  return (
    <div className={styles.device}>
      <header className={styles.name}>
        <h2 id={`device-${phone.id}-name`}>Device {phone.id}</h2>
        <Connection phone={phone} />
      </header>
      <div className={styles.frame} data-device={phone.id}>
        {latest && <span key={latest.alert.id} className={styles.halo} aria-hidden="true" />}
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is a group of form controls. */}
        <div
          ref={screen}
          className={styles.screen}
          role="group"
          aria-label={`Screen of Device ${phone.id}`}
          tabIndex={-1}
        >
          <StatusBar connected={phone.stream !== 'disconnected' && phone.stream !== 'lost'} />
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
      <span className={styles.statusIcons}>
        <Icon name={connected ? 'wifi' : 'offline'} size={16} />
        <span className={styles.battery} />
      </span>
    </div>
  );
}

const streams: Record<Phone['stream'], { label: string; tone: string }> = {
  off: { label: 'Not listening', tone: 'plain' },
  connecting: { label: 'Connecting', tone: 'warning' },
  open: { label: 'Listening', tone: 'good' },
  lost: { label: 'Connection lost', tone: 'bad' },
  disconnected: { label: 'Disconnected', tone: 'bad' },
  completed: { label: 'Stream completed', tone: 'plain' },
  refused: { label: 'Not listening', tone: 'plain' },
};

/** The state of the alert stream, and the button that disconnects the phone or reconnects it. */
function Connection({ phone: { id, stream, stage } }: { phone: Phone }) {
  const demo = useDemo();
  const { label, tone } = streams[stream];
  const isDisconnected = stream === 'disconnected';
  const canSwitch = stage === 'active' || stage === 'pending';
  return (
    <div className={styles.connection}>
      <span className={styles.stream} data-tone={tone}>
        {label}
      </span>
      {canSwitch && (
        <button type="button" onClick={() => void (isDisconnected ? demo.reconnect(id) : demo.disconnect(id))}>
          <Icon name={isDisconnected ? 'wifi' : 'offline'} size={15} />
          {isDisconnected ? 'Reconnect' : 'Disconnect'}
        </button>
      )}
    </div>
  );
}
