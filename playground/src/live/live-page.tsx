import { Button, SegmentedControl } from '@mantine/core';
import type { OnConflict } from '../gql/graphql';
import { Icon } from '../ui/icon';
import { Announcer } from './announcer';
import { spaced } from './demo-user';
import { phoneIds } from './devices';
import { ExchangePanel } from './exchange-panel';
import { JumpBar } from './jump-bar';
import styles from './live-page.module.css';
import { policies } from './model';
import { PhoneView } from './phone';
import { useStory, useStoryState } from './story-context';
import { Timeline } from './timeline';

export function LivePage() {
  const state = useStoryState();
  return (
    <div className={styles.page}>
      <div className={styles.intro}>
        <div>
          <h1>One user, one active session</h1>
          <p className={styles.lead}>Sign up on one phone, log in on the other, and see what passes between them.</p>
        </div>
        <PolicyChoice />
      </div>
      <JumpBar phones={state.phones} />
      <div className={styles.stage}>
        {phoneIds.map((id) => (
          <section key={id} id={`device-${id}`} className={styles[`device${id}`]} aria-labelledby={`device-${id}-name`}>
            <PhoneView phone={state.phones[id]} />
            <ExchangePanel phone={state.phones[id]} />
          </section>
        ))}
        <section className={styles.between} aria-labelledby="between">
          <Timeline state={state} />
        </section>
      </div>
      <Announcer phones={state.phones} />
    </div>
  );
}

function PolicyChoice() {
  const story = useStory();
  const { policy, user, registered } = useStoryState();
  const chosen = policies.find(({ value }) => value === policy);
  return (
    <div className={styles.policy}>
      <div className={styles.policyRow}>
        <span id="policy-label" className={styles.policyLabel}>
          When a second device logs in
        </span>
        <SegmentedControl
          aria-labelledby="policy-label"
          data={policies.map(({ value, label }) => ({ value, label }))}
          value={policy}
          onChange={(value) => story.choose(value as OnConflict)}
        />
      </div>
      <p aria-live="polite">{chosen?.says}</p>
      <p className={styles.user}>
        <Icon name="person" size={15} /> {user.username} · {spaced(user.mobile)}
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<Icon name="restart" size={13} />}
          disabled={!registered}
          onClick={() => story.startOver()}
        >
          Start over
        </Button>
      </p>
    </div>
  );
}
