import { Button, NativeSelect, SegmentedControl } from '@mantine/core';
import { useAccess } from '../api/access';
import { useDemo, useDemoState } from '../demo/demo-context';
import { phoneIds } from '../demo/devices';
import { awayPolicies, policies, policyHint } from '../demo/model';
import type { OnConflict } from '../gql/graphql';
import { Icon } from '../ui/icon';
import { formatMobile } from '../ui/mobile';
import { softDisabled } from '../ui/soft-disabled';
import { duration } from '../ui/time';
import { Announcer } from './announcer';
import { FreezeDialog } from './freeze-dialog';
import { JumpBar } from './jump-bar';
import styles from './live-page.module.css';
import { PhoneView } from './phone';
import { RequestsPanel } from './requests-panel';
import { SignUpDialog } from './sign-up-dialog';
import { Timeline } from './timeline';

export function LivePage() {
  const state = useDemoState();
  return (
    <div className={styles.page}>
      <div className={styles.intro}>
        <div className={styles.title}>
          <h1>One user, one active session</h1>
          <p className={styles.lead}>Log in on a second phone, and the first one is alerted in the same moment.</p>
        </div>
        <PolicyChoice />
        {state.policy === 'ASK' && <AwayChoice />}
      </div>
      <JumpBar phones={state.phones} />
      <div className={styles.stage}>
        {phoneIds.map((id) => (
          <section
            key={id}
            id={`device-${id}`}
            data-device={id}
            className={styles[`device${id}`]}
            aria-labelledby={`device-${id}-name`}
          >
            <PhoneView phone={state.phones[id]} />
          </section>
        ))}
        <div className={styles.middle}>
          <section className={styles.timeline} aria-labelledby="timeline">
            <Timeline state={state} />
          </section>
          <RequestsPanel />
        </div>
      </div>
      <Announcer phones={state.phones} />
      <SignUpDialog />
      <FreezeDialog />
    </div>
  );
}

function PolicyChoice() {
  const demo = useDemo();
  const { policy, user, registered } = useDemoState();
  const { isService, clientPolicies } = useAccess();
  const isClosed = !isService && clientPolicies !== null && !clientPolicies.includes(policy);
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
          onChange={(value) => demo.setPolicy(value as OnConflict)}
        />
      </div>
      <p className={styles.description} aria-live="polite">
        {chosen?.description}
      </p>
      {isClosed && (
        <p className={styles.closed} role="status">
          This server lets only the service choose that. {policyHint}
        </p>
      )}
      <p className={styles.user}>
        <Icon name="person" size={15} /> {user.username} · {formatMobile(user.mobile)}
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<Icon name="restart" size={13} />}
          {...softDisabled(!registered)}
          onClick={() => registered && demo.startOver()}
        >
          Start over
        </Button>
      </p>
    </div>
  );
}

/** What happens if nobody is there to answer. */
function AwayChoice() {
  const demo = useDemo();
  const { ifAway } = useDemoState();
  const { isService, awayAfterSeconds } = useAccess();
  // By default, only the service may choose it.
  if (!isService) return null;
  return (
    <div className={styles.away}>
      <label htmlFor="if-away">If Device 1 has been offline for {duration(awayAfterSeconds)}, it</label>
      <NativeSelect
        id="if-away"
        size="xs"
        value={ifAway ?? ''}
        onChange={({ currentTarget: { value } }) => demo.setIfAway(value === '' ? null : (value as OnConflict))}
        data={awayPolicies.map(({ value, label }) => ({ value: value ?? '', label }))}
      />
    </div>
  );
}
