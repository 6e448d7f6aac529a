import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { useDemo, useDemoState } from '../demo/demo-context';
import { type PhoneId, phoneIds } from '../demo/devices';
import type { Exchange } from '../demo/model';
import { useEditor } from '../shared/editor-context';
import { Code } from '../ui/code';
import { Icon } from '../ui/icon';
import styles from './requests-panel.module.css';

type Part = 'operation' | 'variables' | 'response';

const parts: { value: Part; label: string }[] = [
  { value: 'operation', label: 'Operation' },
  { value: 'variables', label: 'Variables' },
  { value: 'response', label: 'Response' },
];

const devices = phoneIds.map((id) => ({ value: String(id), label: `Device ${id}` }));

/** What a device sent, and the responses. Shows the device that the visitor used last. */
export function RequestsPanel() {
  const demo = useDemo();
  const { phones, requestsOf } = useDemoState();
  const [part, setPart] = useState<Part>('operation');
  const phone = phones[requestsOf];
  const shown = phone.exchanges.find(({ id }) => id === phone.shown);
  return (
    <section className={styles.panel} data-device={requestsOf} aria-labelledby="requests">
      <header className={styles.head}>
        <h2 id="requests">Requests</h2>
        {shown && <p className={styles.as}>{shown.sentAs}</p>}
        <SegmentedControl
          size="xs"
          aria-label="Device whose requests are shown"
          data={devices}
          value={String(requestsOf)}
          onChange={(value) => demo.showRequestsOf(Number(value) as PhoneId)}
        />
      </header>
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
          <Details phone={phone.id} exchange={shown} part={part} onPart={setPart} />
        </>
      ) : (
        <p className={styles.none}>Each request of Device {phone.id} appears here with its response.</p>
      )}
    </section>
  );
}

function Details({
  phone,
  exchange,
  part,
  onPart,
}: {
  phone: PhoneId;
  exchange: Exchange;
  part: Part;
  onPart: (part: Part) => void;
}) {
  const { openInEditor } = useEditor();
  const { operation, variables, response, identity, name } = exchange;
  const texts = {
    operation,
    variables: pretty(variables),
    response: response ? pretty(response) : '# No response yet.',
  };
  return (
    <>
      <div className={styles.parts}>
        <SegmentedControl
          size="xs"
          aria-label="Part of the request"
          data={parts}
          value={part}
          onChange={(value) => onPart(value as Part)}
        />
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<Icon name="open" size={14} />}
          onClick={() =>
            openInEditor({ operation, variables, identity: identity === 'phone' ? `device-${phone}` : 'page' })
          }
        >
          Open in GraphiQL
        </Button>
      </div>
      <Code text={texts[part]} label={`${name}: ${part}`} />
    </>
  );
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
