import 'graphiql/setup-workers/vite';
import { NativeSelect, useComputedColorScheme } from '@mantine/core';
import { GraphiQL } from 'graphiql';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useAccess } from '../api/access';
import { useDemoState } from '../demo/demo-context';
import { useEditor } from '../shared/editor-context';
import { AccessibleTabs, OpenRequest, SyncTabs } from './editor-hooks';
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

/**
 * The history plugin is left out: it would store the Headers pane, which may contain tokens, in the
 * browser.
 */
const plugins: [] = [];

/**
 * The editor, the choice of the identity that it sends as, and the event log of its subscriptions.
 */
export default function ExplorePage({ shown }: { shown: boolean }) {
  const access = useAccess();
  const { phones } = useDemoState();
  const { request } = useEditor();
  const [chosen, setChosen] = useState('page');
  const [storage] = useState(createMemoryStorage);
  const [log] = useState(() => new EventLog());
  const [runs] = useState(() => new TabRuns());
  const logState = useSyncExternalStore(log.subscribe, log.read);
  const scheme = useComputedColorScheme('light');

  const known = identities(access, phones);
  const identity = known.find(({ id }) => id === chosen) ?? known[0];
  const current = useRef(identity);
  useEffect(() => {
    current.current = identity;
  });
  useEffect(() => {
    if (request) setChosen(request.identity);
  }, [request]);

  const fetcher = useMemo(() => createFetcher({ identity: () => current.current, log, runs }), [log, runs]);
  const { label, tone } = badge(logState);

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
          {label}
        </span>
        {access.introspection ? (
          <a href="/schema.graphql">schema.graphql</a>
        ) : (
          <span className={styles.closed}>
            Introspection is off: the editor has no completion and no documentation.
          </span>
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
          <SyncTabs runs={runs} />
          <OpenRequest />
          <AccessibleTabs />
        </GraphiQL>
      </div>
      <EventLogView log={log} state={logState} />
    </div>
  );
}
