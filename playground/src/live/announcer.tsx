import { type PhoneId, phoneIds } from './devices';
import type { Phone } from './model';

/** Says aloud what each phone hears last. */
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
