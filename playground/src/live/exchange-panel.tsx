import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { useDemo } from '../demo/demo-context';
import type { Exchange, Phone } from '../demo/model';
import { useEditor } from '../shared/editor-context';
import { Code } from '../ui/code';
import { Icon } from '../ui/icon';
import styles from './exchange-panel.module.css';

type Part = 'operation' | 'variables' | 'response';

const parts: { value: Part; label: string }[] = [
  { value: 'operation', label: 'Operation' },
  { value: 'variables', label: 'Variables' },
  { value: 'response', label: 'Response' },
];

/** Collapsed on a narrow screen, so that the next phone is in view. */
const isOpenAtFirst = window.matchMedia('(min-width: 44.01rem)').matches;

/** The latest requests of a phone, and their responses. */
export function ExchangePanel({ phone }: { phone: Phone }) {
  const demo = useDemo();
  const shown = phone.exchanges.find(({ id }) => id === phone.shown);
  return (
    <details className={styles.panel} open={isOpenAtFirst}>
      <summary>
        <h3>Requests of Device {phone.id}</h3>
        {shown && <span>{shown.name}</span>}
      </summary>
      {shown ? (
        <>
          <ol className={styles.sent} aria-label="Latest first">
            {phone.exchanges.map(({ id, name, failed }) => (
              <li key={id}>
                <button
                  type="button"
                  aria-pressed={id === shown.id}
                  data-failed={failed || undefined}
                  onClick={() => demo.showExchange(phone.id, id)}
                >
                  {name}
                </button>
              </li>
            ))}
          </ol>
          <Details phone={phone} exchange={shown} />
        </>
      ) : (
        <p className={styles.none}>No requests yet. Each request appears here with its response.</p>
      )}
    </details>
  );
}

function Details({ phone, exchange }: { phone: Phone; exchange: Exchange }) {
  const [part, setPart] = useState<Part>('operation');
  const { openInEditor } = useEditor();
  const { operation, variables, response, identity, sentAs, name } = exchange;
  const texts = {
    operation,
    variables: pretty(variables),
    response: response ? pretty(response) : '# No response yet.',
  };
  return (
    <>
      <p className={styles.as}>Sent {sentAs}.</p>
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label="Part of the request"
        data={parts}
        value={part}
        onChange={(value) => setPart(value as Part)}
      />
      <Code text={texts[part]} label={`${name}: ${part}`} />
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="open" size={14} />}
        onClick={() =>
          openInEditor({
            operation,
            variables,
            identity: identity === 'phone' ? `device-${phone.id}` : 'page',
          })
        }
      >
        Open in GraphiQL
      </Button>
    </>
  );
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
