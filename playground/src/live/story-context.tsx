import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { useAccess } from '../api/access';
import { connectAs } from '../api/connect';
import { post } from '../api/post';
import type { StoryState } from './model';
import { Story } from './story';

const StoryContext = createContext<Story | null>(null);

/** The story goes on while another page is open. */
export function StoryProvider({ children }: { children: ReactNode }) {
  const { secret, isService } = useAccess();
  const [story] = useState(() => new Story({ post, connect: connectAs }, { secret, isService }));
  useEffect(() => story.setCaller({ secret, isService }), [story, secret, isService]);
  return <StoryContext value={story}>{children}</StoryContext>;
}

export function useStory(): Story {
  const story = useContext(StoryContext);
  if (!story) throw new Error('useStory is used outside of StoryProvider');
  return story;
}

export function useStoryState(): StoryState {
  const { store } = useStory();
  return useSyncExternalStore(store.subscribe, store.read);
}
