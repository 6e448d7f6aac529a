export default function ExplorePage({ shown }: { shown: boolean }) {
  return <div hidden={!shown} />;
}
