import { useGraphiQL } from '@graphiql/react';
import { useEffect } from 'react';

/**
 * Wraps long lines in the operation editor, so that the comments can be read on a narrow screen
 * too.
 */
export function WordWrap() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.updateOptions({ wordWrap: 'on' }), [editor]);
  return null;
}
