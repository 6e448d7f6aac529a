import { useCallback, useEffect, useState } from 'react';
import { Link } from 'wouter';
import { errorMessage, post } from '../../api/post';
import { UsersDocument, type UsersQuery } from '../../gql/graphql';
import { sessionsOf } from '../../shared/pages';
import { Icon } from '../../ui/icon';
import { formatMobile } from '../../ui/mobile';
import pageStyles from '../sessions-page.module.css';
import tableStyles from '../table.module.css';
import { matches } from './model';
import { ReadMore, type ReadStatus } from './read-more';

type FoundUser = UsersQuery['users']['nodes'][number];

const PAGE_SIZE = 20;

/** All users, those who registered last first. Each is a link to the user's sessions. */
export function UserList({ filter, secret }: { filter: string; secret: string | null }) {
  const [users, setUsers] = useState<readonly FoundUser[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [status, setStatus] = useState<ReadStatus>('loading');

  const read = useCallback(
    async (after: string | null) => {
      setStatus('loading');
      const response = await post(UsersDocument, { first: PAGE_SIZE, after }, secret);
      const page = response.data?.users;
      if (!page) return setStatus({ reason: errorMessage(response) ?? 'The response is empty.' });
      setUsers((before) => {
        const known = new Set(after === null ? [] : before.map(({ id }) => id));
        return [...(after === null ? [] : before), ...page.nodes.filter(({ id }) => !known.has(id))];
      });
      setNext(page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null);
      setStatus('ready');
    },
    [secret],
  );
  useEffect(() => void read(null), [read]);

  const shown = users.filter(({ username, mobile }) => matches(filter, username, mobile));
  return (
    <section className={pageStyles.list} aria-labelledby="all-users">
      <h2 id="all-users">Users</h2>
      <ul className={pageStyles.recent}>
        {shown.map(({ id, username, mobile, isFrozen }) => (
          <li key={id}>
            <Link href={sessionsOf(mobile)}>
              <Icon name="person" size={16} />
              <bdi>{username}</bdi>
              {isFrozen && <small>Frozen</small>}
              <span>{formatMobile(mobile)}</span>
            </Link>
          </li>
        ))}
      </ul>
      {shown.length === 0 && status === 'ready' && (
        <p className={tableStyles.none}>
          {users.length === 0 ? 'No user is registered.' : 'No user matches the filter.'}
        </p>
      )}
      <ReadMore
        what="users"
        status={status}
        hasMore={next !== null}
        onReadMore={() => void read(next)}
        onRetry={() => void read(next)}
      />
    </section>
  );
}
