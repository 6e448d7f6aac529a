import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { useHandover } from '../shell/handover';
import { Code } from '../ui/code';
import { Icon } from '../ui/icon';
import styles from './exchange-panel.module.css';
import type { Exchange, Phone } from './model';
import { useStory } from './story-context';

type Part = 'operation' | 'variables' | 'answer';

const parts: { value: Part; label: string }[] = [
  { value: 'operation', label: 'Operation' },
  { value: 'variables', label: 'Variables' },
  { value: 'answer', label: 'Answer' },
];

/** On a narrow screen the next phone matters more. */
const opensByItself = window.matchMedia('(min-width: 44.01rem)').matches;

/** What a phone has just sent, and what the server answered. */
export function ExchangePanel({ phone }: { phone: Phone }) {
  const story = useStory();
  const shown = phone.exchanges.find(({ id }) => id === phone.shown);
  return (
    <details className={styles.panel} open={opensByItself}>
      <summary>
        <h3>What Device {phone.id} sent</h3>
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
                  onClick={() => story.show(phone.id, id)}
                >
                  {name}
                </button>
              </li>
            ))}
          </ol>
          <Details phone={phone} exchange={shown} />
        </>
      ) : (
        <p className={styles.none}>Nothing yet. Each request shows here with its answer.</p>
      )}
    </details>
  );
}

function Details({ phone, exchange }: { phone: Phone; exchange: Exchange }) {
  const [part, setPart] = useState<Part>('operation');
  const { openInEditor } = useHandover();
  const { operation, variables, answer, as, name } = exchange;
  const texts = { operation, variables: pretty(variables), answer: answer ? pretty(answer) : '# Nothing yet.' };
  return (
    <>
      <p className={styles.as}>Sent {as}.</p>
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label="Which part of the request"
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
            identity: as.startsWith('with its token') ? `device-${phone.id}` : 'page',
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
