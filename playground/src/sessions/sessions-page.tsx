import { Button, TextInput } from '@mantine/core';
import { type SubmitEvent, useEffect, useState } from 'react';
import { useAccess } from '../api/access';
import { post } from '../api/post';
import { WhoAmIDocument } from '../gql/graphql';
import { useStoryState } from '../live/story-context';
import { CredentialForm } from '../shell/credential-form';
import { Icon } from '../ui/icon';
import { Failed, Loading } from './lookup-states';
import { type Owner, ownerIn } from './owner';
import styles from './sessions-page.module.css';
import { UserPanel } from './user-panel';

/** A user's sessions and alerts: any user's for the service, and its own for a session. */
export default function SessionsPage() {
  const { developmentMode, credential, secret, isService } = useAccess();
  return (
    <div className={styles.page}>
      <h1>Sessions</h1>
      {isService && <Search key={secret} secret={secret} />}
      {credential.kind === 'token' && <Own key={secret} secret={secret} />}
      {developmentMode === false && credential.kind === 'none' && (
        <div className={styles.door}>
          <p>Sessions are the service’s to see, and each session may see its own user’s.</p>
          <CredentialForm />
        </div>
      )}
    </div>
  );
}

function Search({ secret }: { secret: string | null }) {
  const { user, registered } = useStoryState();
  const known = registered ? user.mobile : '';
  const [text, setText] = useState(known);
  const [mobile, setMobile] = useState(known);

  function submit(event: SubmitEvent) {
    event.preventDefault();
    setMobile(text.trim());
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
        <UserPanel key={mobile} mobile={mobile} secret={secret} />
      ) : (
        <p className={styles.hint}>Look a user up by number. One that signs up on the first page is filled in here.</p>
      )}
    </>
  );
}

/** The user whose token was shown. */
function Own({ secret }: { secret: string | null }) {
  const [owner, setOwner] = useState<Owner | null>(null);
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt runs the effect again.
  useEffect(() => {
    let left = false;
    setOwner(null);
    void post(WhoAmIDocument, {}, secret).then((answer) => {
      if (!left) setOwner(ownerIn(answer));
    });
    return () => {
      left = true;
    };
  }, [secret, attempt]);
  if (owner === null) return <Loading />;
  if ('why' in owner) return <Failed why={owner.why} onRetry={() => setAttempt((before) => before + 1)} />;
  return <UserPanel mobile={owner.mobile} secret={secret} />;
}
