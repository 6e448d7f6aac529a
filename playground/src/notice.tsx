import { useEffect, useState } from 'react';
import { readSettings, type Settings } from './settings';

/** Says who may call the API: anyone in development mode, else the holder of a token or of the service key. */
export function Notice() {
  const [settings, setSettings] = useState<Settings | null>(null);
  useEffect(() => {
    void readSettings().then(setSettings);
  }, []);

  if (!settings) return null;
  return settings.developmentMode ? (
    <p className="notice warning" role="status">
      <strong>Development mode:</strong> no service key is set, so anyone is trusted as the service.
    </p>
  ) : (
    <p className="notice" role="status">
      A token or the service key goes into the Headers pane: <code>{'{"Authorization": "Bearer …"}'}</code>
    </p>
  );
}
