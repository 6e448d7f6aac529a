import 'graphiql/setup-workers/vite';
import { NativeSelect, useComputedColorScheme } from '@mantine/core';
import { GraphiQL } from 'graphiql';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useAccess } from '../api/access';
import { useDemoState } from '../demo/demo-context';
import { useEditor } from '../shared/editor-context';
import { AccessibleTabs, FillVariables, OpenRequest, ShowOpenTab, SyncTabs, WatchHeaders } from './editor-hooks';
import { badge, EventLog } from './event-log';
import { EventLogView } from './event-log-view';
import styles from './explore-page.module.css';
import { createFetcher, headersPane, introspectionName } from './fetcher';
import { Findings } from './findings';
import './graphiql.css';
import { type Identity, identities, shortened } from './identities';
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
  const [findings] = useState(() => new Findings());
  const [ownHeader, setOwnHeader] = useState<string | null>(null);
  const logState = useSyncExternalStore(log.subscribe, log.read);
  const scheme = useComputedColorScheme('light');

  const found = useSyncExternalStore(findings.subscribe, findings.read);
  const known = identities(access, phones, found.tokens);
  const identity = known.find(({ id }) => id === chosen) ?? known[0];
  const current = useRef(identity);
  useEffect(() => {
    current.current = identity;
  });
  useEffect(() => {
    if (request) setChosen(request.identity);
  }, [request]);

  const fetcher = useMemo(
    () => createFetcher({ identity: () => current.current, log, runs, findings }),
    [log, runs, findings],
  );
  const needsKey = access.developmentMode === false && !access.isService && ownHeader === null;
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
        <code className={styles.header}>{headerText(ownHeader, identity)}</code>
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
      {needsKey && (
        <p className={styles.needsKey}>
          This server has a service key, and the steps in the tabs are those of a back end. Enter the key to run them as
          the service.
        </p>
      )}
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
          <ShowOpenTab />
          <OpenRequest />
          <FillVariables ids={found.ids} />
          <WatchHeaders onChange={setOwnHeader} />
          <AccessibleTabs />
        </GraphiQL>
      </div>
      <EventLogView log={log} state={logState} />
    </div>
  );
}

/** The header that is really sent: that of the Headers pane, or else that of the chosen identity. */
function headerText(ownHeader: string | null, { secret, cookie }: Identity): string {
  if (ownHeader !== null) return `${headersPane} decides: Authorization: ${shortenedHeader(ownHeader)}`;
  if (cookie) return 'The cookie, if you logged in with cookie: true';
  return secret ? `Authorization: Bearer ${shortened(secret)}` : 'No Authorization header';
}

function shortenedHeader(value: string): string {
  const bearer = /^Bearer\s+(.*)$/i.exec(value.trim())?.[1];
  return bearer === undefined ? shortened(value) : `Bearer ${shortened(bearer)}`;
}
