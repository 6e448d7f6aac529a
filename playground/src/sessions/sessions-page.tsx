import { Button, TextInput } from '@mantine/core';
import { type SubmitEvent, useCallback, useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { useAccess } from '../api/access';
import { post } from '../api/post';
import { useDemoState } from '../demo/demo-context';
import { WhoAmIDocument } from '../gql/graphql';
import { CredentialForm } from '../shared/credential-form';
import { Icon } from '../ui/icon';
import { Directory } from './directory/directory';
import { Failed, Loading } from './lookup-states';
import { type Owner, ownerFrom } from './owner';
import { RecentUsers } from './recent-list';
import { type RecentUser, useRecentUsers, withRecentUser } from './recent-users';
import styles from './sessions-page.module.css';
import { UserPanel } from './user-panel';

/**
 * The sessions and alerts of a user. The service can look up every user, a session only its own.
 */
export default function SessionsPage() {
  const { developmentMode, credential, secret, isService } = useAccess();
  const page = useRef<HTMLDivElement>(null);
  return (
    <div ref={page} tabIndex={-1} className={styles.page}>
      <h1>Sessions</h1>
      {isService && <Search key={secret} secret={secret} />}
      {credential.kind === 'token' && <OwnUser key={secret} secret={secret} />}
      {developmentMode === false && credential.kind === 'none' && (
        <div className={styles.credentialPrompt}>
          <p>The service key shows the sessions of any user. A session token shows the sessions of its user.</p>
          <CredentialForm onDone={() => page.current?.focus()} />
        </div>
      )}
    </div>
  );
}

function Search({ secret }: { secret: string | null }) {
  const { developmentMode } = useAccess();
  const { user, registered } = useDemoState();
  const [parameters, setParameters] = useSearchParams();
  // The link of a look-up can be shared. Without one, the user of the demo is shown.
  // A `+` that was not encoded arrives as a space.
  const mobile = parameters.get('mobile')?.replace(/^ /, '+').trim() ?? (registered ? user.mobile : '');
  const [text, setText] = useState(mobile);
  const [shown, setShown] = useState(mobile);
  if (mobile !== shown) {
    setShown(mobile);
    setText(mobile);
  }
  const [recent, setRecent] = useRecentUsers(developmentMode === true);
  const latest = useRef(recent);
  latest.current = recent;
  const onFound = useCallback((found: RecentUser) => setRecent(withRecentUser(latest.current, found)), [setRecent]);

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const wanted = text.trim();
    setParameters(wanted ? { mobile: wanted } : {});
  }

  return (
    <>
      <search>
        <form className={styles.search} onSubmit={submit}>
          <TextInput
            label="Mobile number"
            type="tel"
            inputMode="tel"
            autoComplete="off"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            placeholder="+999 123 456 789"
          />
          <Button type="submit" leftSection={<Icon name="search" size={16} />}>
            Look up
          </Button>
        </form>
      </search>
      {mobile ? (
        <UserPanel key={mobile} mobile={mobile} secret={secret} onFound={onFound} />
      ) : (
        <>
          <RecentUsers users={recent} isStored={developmentMode === true} onForget={() => setRecent([])} />
          <Directory secret={secret} />
        </>
      )}
    </>
  );
}

/** The user of the entered token. */
function OwnUser({ secret }: { secret: string | null }) {
  const [owner, setOwner] = useState<Owner | null>(null);
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt runs the effect again.
  useEffect(() => {
    let isStale = false;
    setOwner(null);
    void post(WhoAmIDocument, {}, secret).then((response) => {
      if (!isStale) setOwner(ownerFrom(response));
    });
    return () => {
      isStale = true;
    };
  }, [secret, attempt]);
  if (owner === null) return <Loading />;
  if ('reason' in owner) return <Failed reason={owner.reason} onRetry={() => setAttempt((before) => before + 1)} />;
  return <UserPanel mobile={owner.mobile} secret={secret} />;
}
