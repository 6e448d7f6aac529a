import { type PhoneId, phoneIds } from '../demo/devices';
import type { Phone } from '../demo/model';

/** Announces the latest alert of each phone to screen readers. */
export function Announcer({ phones }: { phones: Readonly<Record<PhoneId, Phone>> }) {
  return (
    <div className="visually-hidden" aria-live="polite">
      {phoneIds.map((id) => {
        const latest = phones[id].received[0];
        return latest ? <p key={`${id} ${latest.alert.id}`}>{`Device ${id}: ${latest.alert.message}`}</p> : null;
      })}
    </div>
  );
}
