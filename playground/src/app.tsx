import { createLocalStorage } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { fetcher } from './fetcher';
import { Notice } from './notice';
import { startOperations } from './start-operations';
import { WordWrap } from './word-wrap';

/** No history: it would keep the Headers pane, and so tokens, in the browser's storage. */
const plugins: [] = [];

/** Keeps the tabs apart from those of another GraphiQL that was served from the same address. */
const storage = createLocalStorage({ namespace: 'sessiond' });

export function App() {
  return (
    <>
      <header className="top">
        <h1>sessiond</h1>
        <p>One user, one active session, and a live alert when a second device logs in.</p>
        <a href="/" target="_blank" rel="noopener">
          Open a second window
        </a>
      </header>
      <Notice />
      <main>
        <GraphiQL
          fetcher={fetcher}
          plugins={plugins}
          storage={storage}
          defaultTabs={startOperations}
          defaultEditorToolsVisibility="variables"
          forcedTheme="system"
        >
          <WordWrap />
        </GraphiQL>
      </main>
    </>
  );
}
