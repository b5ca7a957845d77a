import { type QueryKey, useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { Row } from './layout';
import { Loading, ProblemNote, ProblemState } from './states';

interface Slice<T> {
  items: T[];
  nextCursor?: string | null;
}

/** A list that comes in pieces; `read` is asked for each with the cursor of the answer before. */
export function useSlices<T>(
  queryKey: QueryKey,
  read: (cursor: string | undefined) => Promise<Slice<T>>,
  options: { refetchInterval?: number } = {},
) {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    ...options,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** Such a list on the page, in each of its states: on its way, refused, empty, there, and with more to come. */
export function Sliced<T>({
  list,
  empty,
  skeleton,
  children,
}: {
  list: ReturnType<typeof useSlices<T>>;
  empty: ReactNode;
  skeleton?: ReactNode;
  children: (items: T[]) => ReactNode;
}) {
  const { t } = useTranslation();
  if (list.isPending) return <Loading>{skeleton}</Loading>;
  if (list.error && list.items.length === 0)
    return <ProblemState error={list.error} retry={() => void list.refetch()} />;
  if (list.items.length === 0) return empty;
  return (
    <>
      {children(list.items)}
      {list.error && <ProblemNote error={list.error} />}
      {list.hasNextPage && (
        <Row>
          <Button look="secondary" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t('more')}
          </Button>
        </Row>
      )}
    </>
  );
}
