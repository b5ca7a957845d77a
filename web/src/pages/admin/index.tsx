import {
  Activity,
  History,
  MailCheck,
  Palette,
  ScrollText,
  Send,
  Timer,
  Users,
  Video,
  Webhook,
} from 'lucide-react';
import { type ComponentType, lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'wouter';
import { Problem } from '~/api/client';
import { Sections } from '~/ui/sections';
import { Loading, ProblemState } from '~/ui/states';

const SECTIONS = {
  overview: lazy(() => import('./overview')),
  rooms: lazy(() => import('./rooms')),
  people: lazy(() => import('./people')),
  webhooks: lazy(() => import('./webhooks')),
  deliveries: lazy(() => import('./deliveries')),
  outbox: lazy(() => import('./outbox')),
  messages: lazy(() => import('./messages')),
  audit: lazy(() => import('./audit')),
  retention: lazy(() => import('./retention')),
  branding: lazy(() => import('./branding')),
} satisfies Record<string, ComponentType>;

type Name = keyof typeof SECTIONS;

/** The administrators' room. */
export default function Page() {
  const { t } = useTranslation('admin');
  const { section = 'overview' } = useParams<{ section?: string }>();
  const Shown = section in SECTIONS ? SECTIONS[section as Name] : undefined;
  const size = 20;
  const icons = {
    overview: <Activity size={size} />,
    rooms: <Video size={size} />,
    people: <Users size={size} />,
    webhooks: <Webhook size={size} />,
    deliveries: <Send size={size} />,
    outbox: <History size={size} />,
    messages: <MailCheck size={size} />,
    audit: <ScrollText size={size} />,
    retention: <Timer size={size} />,
    branding: <Palette size={size} />,
  };
  return (
    <Sections
      label={t('sections.label')}
      sections={(Object.keys(SECTIONS) as Name[]).map((name) => ({
        href: name === 'overview' ? '/admin' : `/admin/${name}`,
        icon: icons[name],
        text: t(`sections.${name}`),
        here: section === name,
      }))}
    >
      <Suspense fallback={<Loading />}>
        {Shown ? <Shown /> : <ProblemState error={new Problem('page_not_found', 404)} level={1} />}
      </Suspense>
    </Sections>
  );
}
