import 'graphiql/setup-workers/vite';
import { NativeSelect, useComputedColorScheme } from '@mantine/core';
import { GraphiQL } from 'graphiql';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useAccess } from '../api/access';
import { useStoryState } from '../live/story-context';
import { useHandover } from '../shell/handover';
import { HandedOver, MendedTabs, TabWatch } from './editor-hooks';
import { badge, EventLog } from './event-log';
import { EventLogView } from './event-log-view';
import styles from './explore-page.module.css';
import { createFetcher, introspectionName } from './fetcher';
import './graphiql.css';
import { identities, shortened } from './identities';
import { createMemoryStorage } from './memory-storage';
import { startOperations } from './start-operations';
import { TabRuns } from './tab-runs';
import { WordWrap } from './word-wrap';

/** No history: it would keep the Headers pane, and so tokens, in the browser's storage. */
const plugins: [] = [];

/** The editor, with whose token it sends, and everything that its subscriptions hear. */
export default function ExplorePage({ shown }: { shown: boolean }) {
  const access = useAccess();
  const { phones } = useStoryState();
  const { handed } = useHandover();
  const [chosen, setChosen] = useState('page');
  const [storage] = useState(createMemoryStorage);
  const [log] = useState(() => new EventLog());
  const [runs] = useState(() => new TabRuns());
  const logged = useSyncExternalStore(log.subscribe, log.read);
  const scheme = useComputedColorScheme('light');

  const known = identities(access, phones);
  const identity = known.find(({ id }) => id === chosen) ?? known[0];
  const current = useRef(identity);
  useEffect(() => {
    current.current = identity;
  });
  useEffect(() => {
    if (handed) setChosen(handed.identity);
  }, [handed]);

  const fetcher = useMemo(() => createFetcher({ identity: () => current.current, log, runs }), [log, runs]);
  const { says, tone } = badge(logged);

  return (
    <div className={styles.page} hidden={!shown} data-explore>
      <h1 className="visually-hidden">Explore the API</h1>
      <div className={styles.bar}>
        <NativeSelect
          size="xs"
          label="Send as"
          classNames={{ root: styles.identity ?? '' }}
          value={identity.id}
          onChange={(event) => setChosen(event.currentTarget.value)}
          data={known.map(({ id, label }) => ({ value: id, label }))}
        />
        <code className={styles.header}>
          {identity.secret ? `Authorization: Bearer ${shortened(identity.secret)}` : 'No Authorization header'}
        </code>
        <span className={styles.badge} data-tone={tone} role="status">
          {says}
        </span>
        {access.schemaShown ? (
          <a href="/schema.graphql">schema.graphql</a>
        ) : (
          <span className={styles.closed}>Introspection is off: the editor cannot complete or explain.</span>
        )}
      </div>
      <div className={styles.editor}>
        <GraphiQL
          fetcher={fetcher}
          introspectionQueryName={introspectionName}
          plugins={plugins}
          storage={storage}
          defaultTabs={startOperations}
          defaultEditorToolsVisibility="variables"
          forcedTheme={scheme}
          showPersistHeadersSettings={false}
        >
          <WordWrap />
          <TabWatch runs={runs} />
          <HandedOver />
          <MendedTabs />
        </GraphiQL>
      </div>
      <EventLogView log={log} state={logged} />
    </div>
  );
}
