import { useQuery } from '@tanstack/react-query';
import { BarChart3, CalendarClock, Inbox, ListChecks, Sun, UserRound } from 'lucide-react';
import { type ComponentType, lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'wouter';
import { Problem } from '~/api/client';
import { lobbyQuery, requestsQuery } from '~/expert/queries';
import { Sections } from '~/ui/sections';
import { Loading, ProblemState } from '~/ui/states';

const SECTIONS = {
  today: lazy(() => import('./today')),
  requests: lazy(() => import('./requests')),
  availability: lazy(() => import('./availability')),
  services: lazy(() => import('./services')),
  calls: lazy(() => import('./calls')),
  profile: lazy(() => import('./profile')),
} satisfies Record<string, ComponentType>;

type Name = keyof typeof SECTIONS;

/** The expert's room. */
export default function Page() {
  const { t } = useTranslation('expert');
  const { section = 'today' } = useParams<{ section?: string }>();
  const { data: requests } = useQuery(requestsQuery);
  const { data: waiting } = useQuery(lobbyQuery);
  const Shown = section in SECTIONS ? SECTIONS[section as Name] : undefined;
  const size = 20;
  const icons = {
    today: <Sun size={size} />,
    requests: <Inbox size={size} />,
    availability: <CalendarClock size={size} />,
    services: <ListChecks size={size} />,
    calls: <BarChart3 size={size} />,
    profile: <UserRound size={size} />,
  };
  const counts: Partial<Record<Name, number>> = {
    today: waiting?.length ?? 0,
    requests: requests?.items.length ?? 0,
  };
  return (
    <Sections
      label={t('sections.label')}
      sections={(Object.keys(SECTIONS) as Name[]).map((name) => ({
        href: name === 'today' ? '/expert' : `/expert/${name}`,
        icon: icons[name],
        text: t(`sections.${name}`),
        here: section === name,
        count: counts[name],
        countLabel:
          name === 'today'
            ? t('sections.waitingCount', { count: counts.today ?? 0 })
            : t('sections.requestCount', { count: counts.requests ?? 0 }),
      }))}
    >
      <Suspense fallback={<Loading />}>
        {Shown ? <Shown /> : <ProblemState error={new Problem('page_not_found', 404)} level={1} />}
      </Suspense>
    </Sections>
  );
}
